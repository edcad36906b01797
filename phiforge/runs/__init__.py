"""A run from submission to report: its record in object storage, its hot state in Redis, and how it moves."""
