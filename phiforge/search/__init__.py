"""Searching: which trials come next, and which are stopped, as pure functions of what came of those before."""
