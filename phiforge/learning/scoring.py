"""Scores of one φ on episodes: per task, so that learners can be compared task by task."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import FormatError
from phiforge.base.seeds import SeedPart
from phiforge.learning.engines import transforms
from phiforge.learning.engines.vmap.episodes import mapped, stacked
from phiforge.learning.estimators.bases.estimator import scores_of
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Outcome, Phi
from phiforge.learning.statistics import estimate
from phiforge.learning.tensors import Tensors
from phiforge.tasks.episodes import Episode

_DECISIVE = frozenset({"accuracy", "mean_return"})
"""Scores of which there must be one: what tasks to tell apart are judged by, and what tasks to act in are."""

Outcomes = Callable[[Phi, Episode, Generator], Mapping[int, Outcome]]
"""How the models of one episode did, by number of inner steps, or just by 0."""


@dataclass(frozen=True)
class ChunkScores:
    """Scores of each task of a chunk, by name: ``loss``, ``accuracy`` or ``mean_return``, and whatever is asked for."""

    of: dict[str, list[float]]

    def to_bytes(self) -> bytes:
        """Return canonical JSON."""
        return canonical_json(self.of)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ChunkScores":
        """Read what ``to_bytes`` wrote; raises FormatError for anything else."""
        try:
            found = {str(name): [float(value) for value in values] for name, values in json.loads(data).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise FormatError(f"not the scores of a chunk: {data[:80]!r}") from error
        if "loss" not in found or not _DECISIVE & found.keys() or len({len(values) for values in found.values()}) != 1:
            raise FormatError(f"not the scores of a chunk: {data[:80]!r}")
        return cls(found)


def score(learner: Learner, phi: Phi, episodes: Sequence[Episode], *seed: SeedPart, together: int = 1) -> ChunkScores:
    """Return how the models that F_φ builds from each episode's support set do on its query set.

    So many ``together`` are computed as one if the learner's engine maps over episodes.
    """

    def outcomes(phi: Phi, episode: Episode, generator: Generator) -> Mapping[int, Outcome]:
        return {0: learner.query_outcome(phi, episode, EVALUATION, generator)}

    return _scored(learner, outcomes, phi, episodes, seed, together, "score")[0]


def score_by_steps(
    learner: Learner,
    phi: Phi,
    episodes: Sequence[Episode],
    *seed: SeedPart,
    steps: Sequence[int],
    together: int = 1,
) -> dict[int, ChunkScores]:
    """Return the same after each number of inner ``steps``, for a learner that says ``tries_steps``."""

    def outcomes(phi: Phi, episode: Episode, generator: Generator) -> Mapping[int, Outcome]:
        return learner.outcomes_by_steps(phi, episode, EVALUATION, generator, steps)

    return _scored(learner, outcomes, phi, episodes, seed, together, ("score", *steps))


def _scored(
    learner: Learner,
    outcomes: Outcomes,
    phi: Phi,
    episodes: Sequence[Episode],
    seed: Sequence[SeedPart],
    together: int,
    use: Hashable,
) -> dict[int, ChunkScores]:
    with torch.no_grad():
        if transforms(learner.shape.engine):
            return _mapped(learner, outcomes, phi, episodes, together, use)
        found = [outcomes(phi, episode, torch_generator(*seed, index)) for index, episode in enumerate(episodes)]
    return {key: ChunkScores(_by_name([scores_of(each[key]) for each in found])) for key in found[0]}


def _mapped(
    learner: Learner, outcomes: Outcomes, phi: Phi, episodes: Sequence[Episode], together: int, use: Hashable
) -> dict[int, ChunkScores]:
    """Return the same, by vmap; what engine ``vmap`` serves draws nothing."""

    def scored(phi: Tensors, parts: tuple[Tensor, ...]) -> dict[int, Tensors]:
        def one(*parts: Tensor) -> dict[int, Tensors]:
            found = outcomes(phi, Episode(*parts), torch_generator("nothing"))
            return {key: {"loss": outcome.loss, **outcome.scores} for key, outcome in found.items()}

        found: dict[int, Tensors] = torch.func.vmap(one)(*parts)
        return found

    found: dict[int, dict[str, list[float]]] = {}
    for start in range(0, len(episodes), together):
        chunk = mapped(learner, use, scored, dict(phi), stacked(episodes[start : start + together]))
        for key, tensors in chunk.items():
            for name, values in tensors.items():
                found.setdefault(key, {}).setdefault(name, []).extend(values.tolist())
    return {key: ChunkScores(of) for key, of in found.items()}


def _by_name(scores: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {name: [each[name] for each in scores] for name in scores[0]}


def summary(version: int, phi_hash: str, chunks: Sequence[ChunkScores]) -> Mapping[str, Any]:
    """Return what is recorded of one version on one split: means, 95 % intervals and every task's scores."""
    per_task = {name: [value for chunk in chunks for value in chunk.of[name]] for name in chunks[0].of}
    estimates = {name: estimate(values) for name, values in per_task.items()}
    return {
        "version": version,
        "phi_hash": phi_hash,
        "tasks": len(per_task["loss"]),
        **{name: each.mean for name, each in estimates.items()},
        **{f"{name}_ci95": each.ci95 for name, each in estimates.items()},
        "per_task": per_task,
    }
