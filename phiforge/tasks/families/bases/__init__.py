"""What families of tasks have in common; a family of its own is a file beside this folder."""
