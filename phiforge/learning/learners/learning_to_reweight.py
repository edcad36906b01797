"""Learning to reweight: weights by what helps examples that are surely right (Ren et al. 2018, algorithm 1).

Of each class the first ``trusted`` support examples are taken to be labelled right. They are the published clean
validation set: the query set's labels are known to nobody who adapts, so no weight is made of them. In each inner step,
where θ̂(ε) = θ − α Σ_i ε_i ∇ℓ_i(θ) and ℓ^T is the mean loss of the trusted examples (equations 4 to 9),

    u_i = max(−∂ℓ^T(θ̂(ε)) / ∂ε_i at ε = 0, 0) = α max(∇ℓ^T(θ) · ∇ℓ_i(θ), 0),    w_i = u_i / Σ_j u_j,

    θ ← θ − α Σ_i w_i ∇ℓ_i(θ).

The weights are made anew for each task and step and nothing of them is in φ, which is θ⁰ as MAML's. As published, they
are numbers: ∂L/∂φ does not ask how they would change, unless ``through_weights`` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.base.errors import TaskError
from phiforge.learning.learners.bases.gradient import GradientConfig, descended
from phiforge.learning.learners.bases.learner import Mode, Phi
from phiforge.learning.learners.bases.metric import membership
from phiforge.learning.learners.bases.weighted import Seen, WeightedLearner
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class LearningToReweightConfig(GradientConfig):
    """Settings of learning to reweight."""

    name: Literal["learning_to_reweight"] = "learning_to_reweight"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of the inner loop.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Inner steps on unseen tasks.")
    trusted: int = Field(
        default=1, ge=1, description="Examples of each class, the first ones, that are surely labelled right."
    )
    through_weights: bool = Field(
        default=False,
        description="∂L/∂φ passes through the weights too: third derivatives, which engine 'fused' has not.",
    )


class LearningToReweight(WeightedLearner):
    """φ is θ⁰; F_φ takes gradient steps on the support set, weighted by what helps its trusted examples.

    Example::

        learner = build_learner(LearningToReweightConfig(trusted=2), TaskShape(n_way=5, input_shape=(1, 28, 28)))
        phi = learner.init_phi(torch_generator("phi"))
        learner.weights_by_step(phi, support_x, support_y)  # in each step, [n_way * k_shot]
    """

    Config: ClassVar[type[PartConfig]] = LearningToReweightConfig
    regresses = False
    mapped = False
    config: LearningToReweightConfig

    @classmethod
    def trusts(cls, config: LearningToReweightConfig) -> int:
        """Return how many examples of each class are taken to be right."""
        return config.trusted

    @classmethod
    def without_constants(cls, config: LearningToReweightConfig) -> LearningToReweightConfig:
        """Return ``config`` with ∂L/∂φ through the weights."""
        return config.model_copy(update={"through_weights": True})

    @classmethod
    def third_derivatives(cls, config: LearningToReweightConfig) -> bool:
        """Say whether ∂L/∂φ passes through the weights, which are made of gradients."""
        return config.through_weights

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the network's and the head's fresh parameters."""
        return self.model.init(generator)

    def outputs(self, theta: Mapping[str, Tensor], x: Tensor, at: Pass, mode: Mode) -> Tensor:
        """Return what θ makes of inputs, with batch statistics written out where third derivatives are needed."""
        return super().outputs(theta, x, replace(at, explicit=self.config.through_weights), mode)

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − inner_lr · Σ w_i ∇ℓ_i."""
        return descended(theta, gradients, self.config.inner_lr)

    def weights(self, phi: Phi, seen: Seen, mode: Mode) -> Tensor:
        """Return max(∇ℓ^T · ∇ℓ_i, 0) of each example [n] by their sum; all nought if no step helps.

        Raises TaskError if a class has fewer examples than are trusted.
        """
        through = self.config.through_weights and mode.second_order
        trusted = self._trusted(seen.targets).to(seen.losses.dtype)
        helpful = agreements(seen.losses, list(seen.points.values()), trusted / trusted.sum(), through).relu()
        total = helpful.sum()
        return helpful / torch.where(total > 0, total, torch.ones_like(total))

    def _trusted(self, labels: Tensor) -> Tensor:
        """Return truth values [n]: which are the first ``trusted`` examples of their class."""
        members = membership(labels, self.shape.n_way)
        fewest = int(members.sum(dim=0).min())
        if fewest < self.config.trusted:
            raise TaskError(
                f"learner 'learning_to_reweight' trusts the first {self.config.trusted} examples of each class, but a "
                f"class of this support set has {fewest}: give each as many, or meta-train with fewer learner.trusted"
            )
        return (members & (members.cumsum(dim=0) <= self.config.trusted)).any(dim=1)


def agreements(losses: Tensor, points: Sequence[Tensor], share: Tensor, keep_graph: bool) -> Tensor:
    """Return ∇(share · losses) · ∇losses_i for each i [n], in ``points``: the slope of a step's effect by its weight.

    Σ ε_i ∇ℓ_i · g is linear in ε, so that its gradient in ε is ∇ℓ_i · g, without a gradient of each example by itself.

    Args:
        losses: of each example [n], with a graph to ``points``.
        points: the tensors that gradients are taken in.
        share: of each example [n] in the loss that is to fall.
        keep_graph: whether what is returned is differentiable.
    """
    slopes_at = partial(torch.autograd.grad, losses, points, allow_unused=True, materialize_grads=True)
    wanted = slopes_at(share, retain_graph=True, create_graph=keep_graph)
    epsilon = torch.zeros_like(losses).requires_grad_()
    slopes = slopes_at(epsilon, create_graph=True)
    products = [(slope * want).sum() for slope, want in zip(slopes, wanted, strict=True)]
    found = torch.autograd.grad(torch.stack(products).sum(), epsilon, retain_graph=True, create_graph=keep_graph)[0]
    return found if keep_graph else found.detach()
