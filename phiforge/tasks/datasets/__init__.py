"""Datasets: one a file, images in classes, and which classes belong to which split."""
