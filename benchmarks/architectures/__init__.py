"""A space of architectures that is small enough to try all of it, and how searches do on it."""
