"""Scores of one φ on episodes: per task, so that learners can be compared task by task."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from evaluator.statistics import estimate
from phiforge.canonical import canonical_json
from phiforge.episodes import Episode
from phiforge.learners import EVALUATION, Learner, Phi
from phiforge.randomness import SeedPart, torch_generator


@dataclass(frozen=True)
class ChunkScores:
    """Query ``loss`` and ``accuracy`` of each task of a chunk."""

    loss: list[float]
    accuracy: list[float]

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> "ChunkScores":
        """Read what ``to_bytes`` wrote."""
        return cls(**json.loads(data))


def score(learner: Learner, phi: Phi, episodes: Iterable[Episode], *seed: SeedPart) -> ChunkScores:
    """Return how the models that F_φ builds from each episode's support set do on its query set."""
    losses, accuracies = [], []
    with torch.no_grad():
        for index, episode in enumerate(episodes):
            outcome = learner.query_outcome(phi, episode, EVALUATION, torch_generator(*seed, index))
            losses.append(outcome.loss.item())
            accuracies.append(outcome.accuracy.item())
    return ChunkScores(losses, accuracies)


def summary(version: int, phi_hash: str, chunks: Sequence[ChunkScores]) -> Mapping[str, Any]:
    """Return what is recorded of one version on one split: means, 95 % intervals and every task's score."""
    losses = [loss for chunk in chunks for loss in chunk.loss]
    accuracies = [accuracy for chunk in chunks for accuracy in chunk.accuracy]
    loss, accuracy = estimate(losses), estimate(accuracies)
    return {
        "version": version,
        "phi_hash": phi_hash,
        "tasks": len(losses),
        "loss": loss.mean,
        "loss_ci95": loss.ci95,
        "accuracy": accuracy.mean,
        "accuracy_ci95": accuracy.ci95,
        "per_task": {"loss": losses, "accuracy": accuracies},
    }
