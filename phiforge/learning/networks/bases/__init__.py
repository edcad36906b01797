"""What networks are built from; a network of its own is a file beside this folder."""
