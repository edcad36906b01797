"""Scores of one φ on episodes: per task, so that learners can be compared task by task."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from phiforge.base.canonical import canonical_json
from phiforge.base.seeds import SeedPart
from phiforge.learning.engines import transforms
from phiforge.learning.engines.vmap.episodes import mapped, stacked
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Phi
from phiforge.learning.statistics import estimate
from phiforge.learning.tensors import Tensors
from phiforge.tasks.episodes import Episode


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


def score(learner: Learner, phi: Phi, episodes: Sequence[Episode], *seed: SeedPart, together: int = 1) -> ChunkScores:
    """Return how the models that F_φ builds from each episode's support set do on its query set.

    So many ``together`` are computed as one if the learner's engine maps over episodes.
    """
    with torch.no_grad():
        if transforms(learner.shape.engine):
            return _mapped(learner, phi, episodes, together)
        outcomes = [
            learner.query_outcome(phi, episode, EVALUATION, torch_generator(*seed, index))
            for index, episode in enumerate(episodes)
        ]
    return ChunkScores([each.loss.item() for each in outcomes], [each.accuracy.item() for each in outcomes])


def _mapped(learner: Learner, phi: Phi, episodes: Sequence[Episode], together: int) -> ChunkScores:
    """Return the same, by vmap; what engine ``vmap`` serves draws nothing."""

    def scored(phi: Tensors, parts: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        def one(*parts: Tensor) -> tuple[Tensor, Tensor]:
            outcome = learner.query_outcome(phi, Episode(*parts), EVALUATION, torch_generator("nothing"))
            return outcome.loss, outcome.accuracy

        found: tuple[Tensor, Tensor] = torch.func.vmap(one)(*parts)
        return found

    losses: list[float] = []
    accuracies: list[float] = []
    for start in range(0, len(episodes), together):
        loss, accuracy = mapped(learner, "score", scored, dict(phi), stacked(episodes[start : start + together]))
        losses, accuracies = losses + loss.tolist(), accuracies + accuracy.tolist()
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
