"""Perturbations of φ that every worker can draw again from their names, and φ moved by them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from phiforge.learning.estimators.bases.estimator import Step, descended_entries
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Phi
from phiforge.learning.tensors import Tensors

SIGNS = (1, -1)
"""Of the two members of an antithetic pair."""


def perturbation(phi: Phi, step: Step, job: int, pair: int, *piece: int) -> Tensors:
    """Return ε of a pair, or of one ``piece`` of its inner loop: standard normal, by name of φ's learned entries.

    It is drawn on the CPU, so that every device has the same.
    """
    generator = torch_generator(*step.seed("perturbation", job, pair, *piece))
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value)
        for name, value in sorted(descended_entries(phi).items())
    }


def moved(phi: Phi, noise: Mapping[str, Tensor], distance: float) -> Phi:
    """Return φ + distance · ε."""
    return {**phi, **{name: phi[name] + distance * each for name, each in noise.items()}}


def zeros(phi: Phi) -> Tensors:
    """Return a direction of nought: float64, by name of φ's learned entries."""
    return {name: torch.zeros_like(value, dtype=torch.float64) for name, value in descended_entries(phi).items()}
