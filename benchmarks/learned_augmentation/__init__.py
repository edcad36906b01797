"""Accuracy with learned perturbations of features and learned augmentation of support sets, and without."""
