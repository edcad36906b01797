"""Gradients that are not longer than they may be."""

import math
from collections.abc import Mapping

from torch import Tensor

from phiforge.learning.tensors import Tensors


def clipped(gradient: Mapping[str, Tensor], clip_norm: float | None) -> Tensors:
    """Return ``gradient`` in float64, scaled down to Euclidean norm ``clip_norm`` if it is longer."""
    exact = {name: value.double() for name, value in gradient.items()}
    if clip_norm is None or not exact:
        return exact
    norm = math.sqrt(sum(float(value.square().sum()) for value in exact.values()))
    return exact if norm <= clip_norm else {name: value * (clip_norm / norm) for name, value in exact.items()}
