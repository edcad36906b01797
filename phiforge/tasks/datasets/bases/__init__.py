"""What datasets have in common; a dataset of its own is a file beside this folder."""
