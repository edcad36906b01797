"""Losses and gradients that are no numbers any more: which episode they come from, and what is kept of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phiforge import evidence
from phiforge.episodes import Episode
from phiforge.errors import MissingObjectError, RunError
from phiforge.evidence import Found
from phiforge.learners import Phi
from phiforge.platform import Platform, learner_of
from phiforge.randomness import SeedPart
from phiforge.record import RunRecord, training_episodes_key
from phiforge.spec.run import RunSpec
from phiforge.tensors import fingerprint
from trainer.estimators import Contribution, Step, build_estimator


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


def alone(record: RunRecord, phi: Phi, episodes: Sequence[Episode], version: int, job: int) -> list[Contribution]:
    """Return what each episode of a job would contribute by itself."""
    learner, estimator = learner_of(record, record.spec.task), build_estimator(record.spec.estimator)
    return [
        estimator.contribute(learner, phi, [episode], OneEpisode(record.spec, version, place), job)
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


def keep(platform: Platform, record: RunRecord, phi: Phi, found: Found) -> None:
    """Keep φ and the job's episodes for a replay."""
    try:
        episodes = platform.store.get(training_episodes_key(record.run, found.version, found.job))
    except MissingObjectError:
        return  # they can be drawn again, but not by a trainer
    evidence.keep(platform.store, record.run, found, dict(phi), episodes)


def found_in(version: int, job: int, episode: int | None, phi: Phi, what: str) -> Found:
    """Return what is to be kept with φ."""
    return Found(version=version, job=job, episode=episode, phi_hash=fingerprint(phi), what=what)
