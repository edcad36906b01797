"""Seeds by name: every random choice has a generator of its own, so no order of work can change it."""

import hashlib
import json

import numpy as np

SeedPart = int | str


def seed_of(*parts: SeedPart) -> int:
    """Return a 128-bit seed that depends on every part and on nothing else (SHA-256 of their JSON)."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:16], "big")


def numpy_generator(*parts: SeedPart) -> np.random.Generator:
    """Return a counter-based (Philox) numpy generator named by ``parts``."""
    return np.random.Generator(np.random.Philox(key=seed_of(*parts)))
