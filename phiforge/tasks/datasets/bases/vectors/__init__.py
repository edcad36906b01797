"""Vectors with labels, as an encoder puts them out: read from one file, and looked at before they are learned from."""
