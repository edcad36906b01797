"""Accuracy against the share of wrong support labels, with and without weights of examples."""
