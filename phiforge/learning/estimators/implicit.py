"""Implicit gradients: ∂L/∂φ from where the inner loop ends, not from its way there.

Rajeswaran et al. 2019, "Meta-Learning with Implicit Gradients", algorithm 2 and equation 6.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

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
from phiforge.learning.estimators.bases.reasons import own_norm, untrainable
from phiforge.learning.learners import Learner, Mode, Phi
from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.networks.bases.normalisation import mean_statistics
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class ImplicitConfig(PartConfig):
    """∂L/∂φ from where the inner loop ends, by the implicit function theorem (Rajeswaran et al. 2019, "iMAML")."""

    name: Literal["implicit"] = "implicit"
    iterations: int = Field(default=5, ge=1, le=1000, description="Conjugate gradient iterations.")


class Implicit(Estimator):
    """A contribution is Σ (I + H/λ)⁻¹ ∇L over the job's episodes, H the Hessian of the support loss at θ.

    Exact where θ minimises the support loss plus λ/2 · |θ - φ|²; memory does not grow with the inner steps.
    """

    Config = ImplicitConfig
    for_example: ClassVar[Mapping[str, Any] | None] = {"name": "maml", "proximal": 1.0}
    config: ImplicitConfig

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what is not an initialisation pulled back to φ."""
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
        """Return the summed implicit gradient."""
        pull = learner.pull(learner.config)
        if not isinstance(learner, GradientLearner) or not pull:
            raise TypeError(f"learner {learner.name!r} has no proximal inner loss")
        mode = Mode(training=True, progress=step.progress)
        gradients: list[Tensors] = []
        sums: Sums = NOTHING
        for episode in episodes:
            path = learner.path(phi, episode.support_x, episode.support_y, mode)
            at = mode.at(len(path) - 1)
            theta = {name: value.detach() for name, value in path[-1].items()}
            points = {name: value.requires_grad_() for name, value in descended_entries(theta).items()}
            found = learner.outcome(learner.model.outputs({**theta, **points}, episode.query_x, at), episode.query_y)
            slope = _gradient(found.loss, points, create_graph=False)
            learning = mode.learning(len(path) - 1)
            support = task_loss(
                learner.model.outputs({**theta, **points}, episode.support_x, learning), episode.support_y
            )
            product = _curvature(support, points, pull)
            gradients.append(conjugate_gradient(product, slope, self.config.iterations))
            sums = added(sums, scores_of(found))
        values = {name: value.to(phi[name].dtype) for name, value in summed(gradients).items()}
        return Contribution(sums, len(episodes), values, mean_statistics(phi, mode.noted))


def conjugate_gradient(product: Callable[[Tensors], Tensors], target: Tensors, iterations: int) -> Tensors:
    """Return x with ``product(x)`` ≈ ``target`` after so many iterations from zero (Hestenes and Stiefel 1952)."""
    x = {name: torch.zeros_like(value) for name, value in target.items()}
    residual, direction = dict(target), dict(target)
    size = _dot(residual, residual)
    for _ in range(iterations):
        if size == 0:
            break
        image = product(direction)
        length = size / _dot(direction, image)
        x = {name: value + length * direction[name] for name, value in x.items()}
        residual = {name: value - length * image[name] for name, value in residual.items()}
        size, before = _dot(residual, residual), size
        direction = {name: value + size / before * direction[name] for name, value in residual.items()}
    return x


def _curvature(support: Tensor, points: Tensors, proximal: float) -> Callable[[Tensors], Tensors]:
    """Return v -> (I + H/λ) v, by differentiating ∇loss · v."""
    slopes = _gradient(support, points, create_graph=True)

    def product(vector: Tensors) -> Tensors:
        along = torch.stack([(slopes[name] * vector[name]).sum() for name in vector]).sum()
        image = _gradient(along, points, create_graph=False, retain_graph=True)
        return {name: value + image[name] / proximal for name, value in vector.items()}

    return product


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
