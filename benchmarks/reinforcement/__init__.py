"""Learners that act, between floors and ceilings."""
