"""Families of tasks that are drawn from a formula, one a file."""
