"""RunSpec and its parts: validated, immutable, content-hashed."""
