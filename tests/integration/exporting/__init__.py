"""Runs as trackers of experiments read them."""
