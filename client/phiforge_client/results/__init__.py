"""Results to look at: a page about runs, and a comparison of them on the same tasks."""
