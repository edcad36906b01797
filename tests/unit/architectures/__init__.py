"""Architectures among the entries of φ."""
