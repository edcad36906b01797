"""Backbones whose weights come from a file: where they are held, what they compute, which features are remembered."""
