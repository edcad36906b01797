"""The kinds of normalisation that a network may be asked for; ``phiforge.learning`` computes them."""

from typing import Literal

Norm = Literal["batch", "running", "per_step", "layer", "group", "none"]
GROUPS = 8
"""Of channels, under ``group``."""
