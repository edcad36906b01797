"""What scores have in common; a score of its own is a file beside this folder."""
