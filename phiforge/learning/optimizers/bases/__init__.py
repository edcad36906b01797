"""What outer optimisers have in common; an optimiser of its own is a file beside this folder."""
