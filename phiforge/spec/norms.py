"""The kinds of normalisation that a network may be asked for; ``phiforge.learning`` computes them."""

from typing import Literal

Norm = Literal["batch", "prior", "running", "per_step", "layer", "group", "none"]
CellNorm = Literal["batch", "running", "per_step", "layer", "group", "none"]
"""Those that a network of cells takes."""
GROUPS = 8
"""Of channels, under ``group``."""
