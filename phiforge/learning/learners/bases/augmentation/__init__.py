"""Augmentation whose parameters are in φ: what it does to images, how it is drawn, and learners that have it."""
