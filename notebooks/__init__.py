"""Notebooks to teach with, and the pages that are made of them."""
