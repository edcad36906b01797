"""Losses and gradients that are no numbers any more: which episode they come from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phiforge.base.errors import RunError
from phiforge.base.seeds import SeedPart
from phiforge.learning.estimators import Contribution, Step, build_estimator
from phiforge.learning.learners import Learner, Phi
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import Episode


class NotFiniteError(RunError):
    """Raised when a job's contribution, or the step from all of them, is not finite: such a run cannot get better."""

    def __init__(self, job: int, message: str) -> None:
        self.job = job
        super().__init__(message)


@dataclass(frozen=True)
class OneEpisode(Step):
    """A step in which a job is made of one of its episodes alone, which meets the randomness it has in its place."""

    place: int = 0

    def seed(self, *parts: SeedPart) -> tuple[SeedPart, ...]:
        """Name a random choice as in the whole job."""
        return super().seed(*(*parts[:-1], self.place) if parts[0] == "episode" else parts)


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


def alone(
    learner: Learner, spec: RunSpec, phi: Phi, episodes: Sequence[Episode], version: int, job: int
) -> list[Contribution]:
    """Return what each episode of a job would contribute by itself."""
    estimator = build_estimator(spec.estimator)
    return [
        estimator.contribute(learner, phi, [episode], OneEpisode(spec, version, place), job)
        for place, episode in enumerate(episodes)
    ]


def offender(contributions: Sequence[Contribution]) -> int | None:
    """Return the place of the first contribution that is not finite; None if only their sum is too much."""
    return next((place for place, each in enumerate(contributions) if not is_finite(each)), None)


def size(contribution: Contribution) -> float:
    """Return the Euclidean norm of a contribution's values; infinite if it is no number."""
    norm = math.sqrt(sum(float(value.double().square().sum()) for value in contribution.values.values()))
    return norm if math.isfinite(norm) else math.inf


def advice(spec: RunSpec) -> str:
    """Say what may help."""
    return f"lower outer.lr, now {spec.outer.lr}, or the inner learning rate, or set outer.clip_norm"
