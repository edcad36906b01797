"""Peers of the compute engine: each module runs in an environment of its own, which may hold nothing but torch."""
