"""What a network of cells is built from; which part it is, is a file of ``networks``."""
