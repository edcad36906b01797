"""Parts by name: ours, and those that installed packages bring."""
