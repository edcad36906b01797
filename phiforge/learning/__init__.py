"""What learns: learners, estimators, networks, outer optimisers, scores and engines. Pure torch, no input or output."""
