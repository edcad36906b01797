"""Errors of tensors, and gradients against central finite differences in float64."""

from collections.abc import Callable, Mapping
from statistics import median

import torch
from torch import Tensor

from phiforge.certify.proof import Figure
from phiforge.learning.generators import torch_generator
from phiforge.learning.tensors import Tensors

STEPS = (1e-7, 2e-8)
"""Small enough for ReLU and max-pooling seldom to switch, large enough for float64. The better counts."""
DIRECTIONS = 3
LIMIT = 1e-5


def against_differences(
    loss_at: Callable[[Mapping[str, Tensor]], float], at: Mapping[str, Tensor], gradient: Mapping[str, Tensor]
) -> Figure:
    """Return the largest relative error of ``gradient`` along random directions, in each tensor and in all at once.

    A direction may cross the kink of a ReLU or a maximum: of each tensor's directions the median counts.
    """
    largest = max(float(slope.norm()) for slope in gradient.values())

    def error(names: list[str], seed: int) -> float:
        way = _direction(at, names, seed)
        expected = sum(float((gradient[name] * way[name]).sum()) for name in names)
        size = max(float(gradient[name].norm()) for name in names)
        slopes = [_slope(loss_at, at, way, step) for step in STEPS]
        return min(abs(slope - expected) for slope in slopes) / max(abs(expected), size, 1e-3 * largest, 1e-12)

    sets = [*([name] for name in gradient), list(gradient)]
    return Figure(max(median(error(names, seed) for seed in range(DIRECTIONS)) for names in sets), LIMIT)


def relative_error(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the largest error of any tensor by the largest entry of all; infinite if their names differ."""
    if found.keys() != expected.keys():
        return float("inf")
    largest = max((_most(value) for value in expected.values()), default=0.0) or 1.0
    return max(
        (_most(found[name].double() - value.double()) / largest for name, value in expected.items()), default=0.0
    )


def _slope(
    loss_at: Callable[[Mapping[str, Tensor]], float], at: Mapping[str, Tensor], way: Mapping[str, Tensor], step: float
) -> float:
    there, back = (loss_at({**at, **_moved(at, way, sign * step)}) for sign in (1, -1))
    return (there - back) / (2 * step)


def _direction(at: Mapping[str, Tensor], names: list[str], seed: int) -> Tensors:
    generator = torch_generator("direction", seed, *names)
    return {name: torch.randn(at[name].shape, generator=generator, dtype=torch.float64) for name in names}


def _moved(at: Mapping[str, Tensor], way: Mapping[str, Tensor], distance: float) -> Tensors:
    return {name: at[name] + distance * along for name, along in way.items()}


def _most(value: Tensor) -> float:
    return float(value.detach().abs().max()) if value.numel() else 0.0
