"""The summed gradient of a few episodes, by autograd over one graph or by function transforms over one vmap.

Under transforms each episode has its gradient inside the map: vmap(grad(l)), never grad of a sum over vmap(l), which
torch 2.13 gets wrong where l itself holds a gradient through its batch normalisation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from phiforge.learning.engines import transforms
from phiforge.learning.engines.vmap.episodes import mapped, stacked
from phiforge.learning.estimators.bases.estimator import scores_of
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.tensors import Tensors
from phiforge.tasks.episodes import Episode


class ChunkGradient(NamedTuple):
    """Sums over the episodes of a chunk: scores by name, and the gradient by name of φ's entries."""

    scores: dict[str, float]
    gradient: Tensors


def summed_gradient(
    learner: Learner, phi: Phi, at: Tensors, episodes: Sequence[Episode], mode: Mode, draws: Sequence[Generator]
) -> ChunkGradient:
    """Return Σ ∂lⁿ/∂φ in the entries ``at`` of φ; ``draws`` has the randomness of each episode.

    What normalisation sees is appended to ``mode.noted``, episode by episode.
    """
    compute = _by_transforms if transforms(learner.shape.engine) else _by_autograd
    return compute(learner, phi, at, episodes, mode, draws)


def gradient_of(objectives: Sequence[Tensor], leaves: Mapping[str, Tensor]) -> Tensors:
    """Return the gradient of the sum of scalars; zero for a leaf that they do not depend on."""
    total = torch.stack(list(objectives)).sum()
    gradients = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True))


def _by_autograd(
    learner: Learner, phi: Phi, at: Tensors, episodes: Sequence[Episode], mode: Mode, draws: Sequence[Generator]
) -> ChunkGradient:
    leaves = {name: value.detach().requires_grad_() for name, value in at.items()}
    outcomes = [
        learner.query_outcome({**phi, **leaves}, episode, mode.drawing(generator), generator)
        for episode, generator in zip(episodes, draws, strict=True)
    ]
    gradient = gradient_of([outcome.loss for outcome in outcomes], leaves)
    scores = [scores_of(outcome) for outcome in outcomes]
    return ChunkGradient({name: sum(each[name] for each in scores) for name in scores[0]}, gradient)


def _by_transforms(
    learner: Learner, phi: Phi, at: Tensors, episodes: Sequence[Episode], mode: Mode, draws: Sequence[Generator]
) -> ChunkGradient:
    points = {name: value.detach() for name, value in at.items()}
    compute = partial(_summed, learner, mode, draws[0])  # what engine ``vmap`` serves draws nothing
    found = mapped(learner, (mode.training, mode.second_order), compute, dict(phi), points, stacked(episodes))
    for name, seen in found.noted.items():
        kept = mode.noted.setdefault(name, [])
        for index in range(len(episodes)):
            kept += [(step, values[index]) for step, values in seen]
    return ChunkGradient({name: sum(values.tolist()) for name, values in found.scores.items()}, found.total)


class _Mapped(NamedTuple):
    """What a map finds: Σ ∂lⁿ/∂φ by name, and of each episode its scores and what normalisation saw in a step."""

    total: Tensors
    scores: dict[str, Tensor]
    noted: dict[str, list[tuple[int, Tensor]]]


def _summed(
    learner: Learner, mode: Mode, nothing: Generator, phi: Tensors, points: Tensors, parts: tuple[Tensor, ...]
) -> _Mapped:
    """Return the sums over the episodes that ``parts`` hold, each [episodes, ...], with the gradient at ``points``."""
    steps: dict[str, list[int]] = {}

    def loss_of(points: Tensors, *parts: Tensor) -> tuple[Tensor, tuple[Tensors, dict[str, list[Tensor]]]]:
        alone = replace(mode, noted={})
        outcome = learner.query_outcome({**phi, **points}, Episode(*parts), alone, nothing)
        steps.update({name: [step for step, _ in seen] for name, seen in alone.noted.items()})
        values = {name: [value for _, value in seen] for name, seen in alone.noted.items()}
        return outcome.loss, (dict(outcome.scores), values)

    each = torch.func.vmap(torch.func.grad_and_value(loss_of, has_aux=True), in_dims=(None, *(0 for _ in parts)))
    gradients, (losses, (scores, noted)) = each(points, *parts)
    total = {name: gradient.sum(dim=0, dtype=torch.float64) for name, gradient in gradients.items()}
    return _Mapped(total, {"loss": losses} | scores, {n: list(zip(steps[n], v, strict=True)) for n, v in noted.items()})
