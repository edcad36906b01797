"""Accuracy: the fraction of query examples that are told right."""

from typing import Literal

import torch
from torch import Tensor

from phiforge.learning.scores.bases.score import Score
from phiforge.registry import PartConfig

TOLERANCE = 0.5
"""A regression's prediction counts as accurate when it is this close to its target."""


class AccuracyConfig(PartConfig):
    """Nothing to set."""

    name: Literal["accuracy"] = "accuracy"


class Accuracy(Score):
    """The fraction of outputs whose largest entry is at the label, or that are near the value."""

    Config = AccuracyConfig

    def of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return a scalar in [0, 1], float64."""
        return accuracy(outputs, targets)


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of ``outputs`` [n, ...] whose largest entry is at the label, or that are near the value."""
    if targets.is_floating_point():
        return ((outputs.detach() - targets).abs() <= TOLERANCE).to(torch.float64).mean()
    return (outputs.detach().argmax(dim=1) == targets).to(torch.float64).mean()
