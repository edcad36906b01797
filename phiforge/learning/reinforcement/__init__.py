"""What learning by trying out needs: trajectories, policies, advantages and objectives whose gradients are right."""
