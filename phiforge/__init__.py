"""What the three services share, and what a notebook imports."""
