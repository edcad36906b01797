"""The client: what a person runs."""
