"""Every version waits for all of its jobs."""
