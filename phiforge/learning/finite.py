"""Losses and gradients that are no numbers any more."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from phiforge.base.errors import RunError
from phiforge.learning.estimators import Contribution
from phiforge.spec.run import RunSpec


class NotFiniteError(RunError):
    """Raised when a job's contribution, or the step from all of them, is not finite: such a run cannot get better."""

    def __init__(self, job: int, message: str) -> None:
        self.job = job
        super().__init__(message)


def is_finite(contribution: Contribution) -> bool:
    """Say whether a contribution consists of numbers."""
    return (
        math.isfinite(contribution.loss)
        and all_finite((*contribution.values.values(),))
        and all_finite((*contribution.statistics.values(),))
    )


def all_finite(tensors: Sequence[Tensor]) -> bool:
    """Say whether all entries of all ``tensors`` are numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)


def size(contribution: Contribution) -> float:
    """Return the Euclidean norm of a contribution's values; infinite if it is no number."""
    norm = math.sqrt(sum(float(value.double().square().sum()) for value in contribution.values.values()))
    return norm if math.isfinite(norm) else math.inf


def advice(spec: RunSpec) -> str:
    """Say what may help."""
    return f"lower outer.lr, now {spec.outer.lr}, or the inner learning rate, or set outer.clip_norm"
