"""StudySpec: what is searched for the best run of a kind, how, and for how long."""
