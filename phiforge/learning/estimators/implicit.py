"""Implicit gradients: ∂L/∂φ from where the inner loop ends, not from its way there.

Rajeswaran et al. 2019, "Meta-Learning with Implicit Gradients", algorithm 2 and equation 6.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from phiforge.learning.estimators.bases.estimator import (
    NOTHING,
    Contribution,
    Estimator,
    Step,
    Sums,
    added,
    descended_entries,
    scores_of,
    summed,
)
from phiforge.learning.estimators.bases.preconditions import Preconditions, tell
from phiforge.learning.estimators.bases.reasons import acting, own_norm, untrainable
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.registry.section import Since
from phiforge.tasks.episodes import Episode


class ImplicitConfig(PartConfig):
    """∂L/∂φ from where the inner loop ends, by the implicit function theorem (Rajeswaran et al. 2019, "iMAML")."""

    name: Literal["implicit"] = "implicit"
    iterations: int = Field(default=5, ge=1, le=1000, description="Conjugate gradient iterations.")
    damping: Annotated[float, Since(2, absent=0.0)] = Field(
        default=0.0,
        ge=0,
        description="Added to λ under the curvature: I + H/(λ + damping). 22 is the published code's at λ = 2.",
    )
    negative_curvature: Annotated[Literal["ignore", "stop"], Since(2, absent="ignore")] = Field(
        default="ignore",
        description="Where a direction curves down: stop keeps what was found, at first the gradient itself; ignore "
        "steps on as published, which may be the wrong way.",
    )


class Examined(NamedTuple):
    """Of one episode: its implicit gradient by name of φ's entries, its scores, and whether that can be exact."""

    gradient: Tensors
    scores: Sums
    preconditions: Preconditions


class Solved(NamedTuple):
    """What conjugate gradients found, and the smallest curvature pᵀAp / pᵀp that they met, inf if they met none."""

    x: Tensors
    curvature: float


class Implicit(Estimator):
    """A contribution is Σ (I + H/(λ + damping))⁻¹ ∇L over the job's episodes, H the Hessian of the support loss at θ.

    Exact undamped where θ minimises the support loss plus λ/2 · |θ - φ|²; memory does not grow with the inner steps.
    """

    Config = ImplicitConfig
    for_example: ClassVar[Mapping[str, Any] | None] = {"name": "maml", "proximal": 1.0}
    config: ImplicitConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what is not an initialisation pulled back to φ."""
        if why := acting("implicit", learner):
            return why
        pull = learner.pull(config)
        if pull is None:
            return untrainable(learner) or f"learner '{learner.name}' has no proximal inner loss: use learner 'maml'"
        if not pull:
            return (
                f"estimator 'implicit' needs learner '{learner.name}' with proximal above 0, and enough inner_steps to "
                "converge"
            )
        return own_norm(config)

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Return the summed implicit gradient; where it cannot be exact, count and say so."""
        mode = Mode(training=True, progress=step.progress)
        draws = [torch_generator(*step.seed("episode", job, index)) for index in range(len(episodes))]
        found = [
            self.examined(learner, phi, episode, mode.drawing(generator))
            for episode, generator in zip(episodes, draws, strict=True)
        ]
        tell([each.preconditions for each in found], step, job)
        sums: Sums = NOTHING
        for each in found:
            sums = added(sums, each.scores)
        gradients = summed([each.gradient for each in found])
        values = {name: value.to(phi[name].dtype) for name, value in gradients.items()}
        return Contribution(sums, len(episodes), values, mean_statistics(phi, mode.noted))

    def examined(self, learner: Learner, phi: Phi, episode: Episode, mode: Mode) -> Examined:
        """Return the implicit gradient of one episode, and what of its preconditions was found on the way."""
        pull = learner.pull(learner.config)
        if not isinstance(learner, GradientLearner) or not pull:
            raise TypeError(f"learner {learner.name!r} has no proximal inner loss")
        path = learner.path(phi, episode.support_x, episode.support_y, mode)
        steps = len(path) - 1
        theta = {name: value.detach() for name, value in learner.ended(path[0], path[-1]).items()}
        points = {name: value.requires_grad_() for name, value in descended_entries(theta).items()}
        here = {**theta, **points}
        outcome = learner.outcome(learner.model.outputs(here, episode.query_x, mode.at(steps)), episode.query_y)
        slope = _gradient(outcome.loss, points, create_graph=False)
        support = task_loss(learner.model.outputs(here, episode.support_x, mode.learning(steps)), episode.support_y)
        slopes = _gradient(support, points, create_graph=True)
        product = _curvature(slopes, points, pull + self.config.damping)
        guarded = self.config.negative_curvature == "stop"
        solved = conjugate_gradient(product, slope, self.config.iterations, guarded=guarded)
        pulls = {name: pull * (value.detach() - phi[name]) for name, value in points.items()}
        preconditions = Preconditions(_residual(slopes, pulls), solved.curvature)
        return Examined(solved.x, scores_of(outcome), preconditions)


def conjugate_gradient(
    product: Callable[[Tensors], Tensors], target: Tensors, iterations: int, *, guarded: bool = True
) -> Solved:
    """Return x with ``product(x)`` ≈ ``target`` after so many iterations from zero (Hestenes and Stiefel 1952).

    ``guarded``: end at a direction along which the matrix does not curve up, with what was found before, or with the
    target itself if that is the first (Steihaug 1983, without the step to a boundary).
    """
    x = {name: torch.zeros_like(value) for name, value in target.items()}
    residual, direction = dict(target), dict(target)
    size, curvature = _dot(residual, residual), math.inf
    for iteration in range(iterations):
        if size == 0:
            break
        image = product(direction)
        curved = _dot(direction, image)
        curvature = min(curvature, curved / _dot(direction, direction))
        if guarded and not curved > 0:
            return Solved(x if iteration else dict(target), curvature)
        length = size / curved
        x = {name: value + length * direction[name] for name, value in x.items()}
        residual = {name: value - length * image[name] for name, value in residual.items()}
        size, before = _dot(residual, residual), size
        direction = {name: value + size / before * direction[name] for name, value in residual.items()}
    return Solved(x, curvature)


def _curvature(slopes: Tensors, points: Tensors, divisor: float) -> Callable[[Tensors], Tensors]:
    """Return v -> (I + H/divisor) v, H the Hessian at ``points`` of what has the gradient ``slopes`` there."""

    def product(vector: Tensors) -> Tensors:
        along = torch.stack([(slopes[name] * vector[name]).sum() for name in vector]).sum()
        image = _gradient(along, points, create_graph=False, retain_graph=True)
        return {name: value + image[name] / divisor for name, value in vector.items()}

    return product


def _residual(slopes: Tensors, pulls: Tensors) -> float:
    """Return how far the slopes of the loss and of the pull are from cancelling, between 0 and 1."""
    left = {name: slopes[name].detach() + pulls[name] for name in pulls}
    whole = sum(math.sqrt(_dot(each, each)) for each in (_detached(slopes), pulls))
    return math.sqrt(_dot(left, left)) / whole if whole else 0.0


def _detached(tensors: Tensors) -> Tensors:
    return {name: value.detach() for name, value in tensors.items()}


def _gradient(
    value: Tensor, points: Mapping[str, Tensor], *, create_graph: bool, retain_graph: bool = False
) -> Tensors:
    found = torch.autograd.grad(
        value,
        list(points.values()),
        create_graph=create_graph,
        retain_graph=create_graph or retain_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(points, found, strict=True))


def _dot(x: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> float:
    return sum(float((x[name].double() * y[name].double()).sum()) for name in x)
