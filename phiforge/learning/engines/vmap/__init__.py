"""Engine vmap: several episodes as one, each with weights of its own, for a GPU."""
