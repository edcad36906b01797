"""Nobody waits for the slowest: a version is made of the contributions that came first."""
