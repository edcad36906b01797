"""Bounds that a spec is held to before anything is queued."""

MOST_EPISODE_BYTES = 2**30
"""Of one file's arrays: a run whose jobs need more is refused at submit, and a file that claims more is a bomb."""
