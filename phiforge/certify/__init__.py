"""Proofs that a part does what parts of its kind promise, which need no reference implementation."""
