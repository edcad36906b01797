"""Learners whose inner steps weigh the loss of each support example; what the weights are is each learner's own."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from phiforge.learning.engines import transforms
from phiforge.learning.learners.bases.gradient import GradientLearner
from phiforge.learning.learners.bases.learner import EVALUATION, Mode, Phi
from phiforge.learning.tensors import Tensors

Losses = Callable[[Mapping[str, Tensor]], Tensor]
"""The loss of each support example [n] as a function of θ."""


class Seen(NamedTuple):
    """What weights are made of: each example's loss [n] at θ, its label or value, and where θ may be moved.

    ``losses`` is differentiable in ``points``, the entries of θ that move.
    """

    losses: Tensor
    targets: Tensor
    points: Tensors


class WeightedLearner(GradientLearner):
    """θ^(t+1) is ``update`` of θ^t and Σ w_i ∇ℓ_i, where ``weights`` makes w of the losses at θ^t.

    An inner gradient takes the weights as given. ∂L/∂φ passes through them: in second order all the way, in first order
    as far as the learner's ``weights`` depend on φ itself, with losses and their gradients as constants.
    """

    @abstractmethod
    def weights(self, phi: Phi, seen: Seen, mode: Mode) -> Tensor:
        """Return the weight [n] of each support example in a step: not negative, in all 1, or all nought."""

    def path_under(
        self, phis: Sequence[Phi], start: Tensors, support_x: Tensor, support_y: Tensor, mode: Mode
    ) -> list[Tensors]:
        """Return θ⁰, which is ``start``, and θ after each inner step, which is taken under the φ in its place."""
        path = [start]
        with torch.enable_grad():
            for step, phi in enumerate(phis):
                losses = self.losses(support_x, support_y, step, mode)
                gradients = self._weighted_gradients(phi, losses, support_y, path[-1], mode)
                path.append(path[-1] | self.update(phi, path[-1], gradients, step))
        return path

    def losses(self, support_x: Tensor, support_y: Tensor, step: int, mode: Mode) -> Losses:
        """Return the loss of each support example in an inner step as a function of θ."""
        at = mode.learning(step)
        return lambda theta: example_losses(self.outputs(theta, support_x, at, mode), support_y)

    def weights_by_step(self, phi: Phi, support_x: Tensor, support_y: Tensor, steps: int | None = None) -> list[Tensor]:
        """Return the weights [n] in each inner step on an unseen task, for whoever looks at them."""
        found = []
        for step, theta in enumerate(self.path(phi, support_x, support_y, EVALUATION, steps)[:-1]):
            with torch.enable_grad():
                points = _apart({name: value for name, value in theta.items() if self.moves(name)})
                losses = self.losses(support_x, support_y, step, EVALUATION)({**theta, **points})
                found.append(self.weights(phi, Seen(losses, support_y, points), EVALUATION).detach())
        return found

    def _weighted_gradients(self, phi: Phi, losses: Losses, targets: Tensor, theta: Tensors, mode: Mode) -> Tensors:
        if not mode.second_order:  # constants, what no inner loop moves among them
            theta = {name: value.detach() for name, value in theta.items()}
        moving = {name: value for name, value in theta.items() if self.moves(name)}
        if transforms(self.shape.engine):
            return self._transformed(phi, losses, targets, theta, moving, mode)
        points = moving if mode.second_order else _apart(moving)
        values = losses({**theta, **points})
        weights = self.weights(phi, Seen(values, targets, points), mode)
        keep_graph = mode.second_order or weights.requires_grad
        found = torch.autograd.grad(
            values, list(points.values()), weights, create_graph=keep_graph, allow_unused=True, materialize_grads=True
        )
        return dict(zip(points, found, strict=True))

    def _transformed(
        self, phi: Phi, losses: Losses, targets: Tensor, theta: Tensors, moving: Tensors, mode: Mode
    ) -> Tensors:
        """Return the same by function transforms: a gradient in the moving entries alone, the weights from outside."""
        weights = self.weights(phi, Seen(losses(theta), targets, moving), mode)
        summed = partial(_weighted_sum, losses, weights, theta)
        found: Tensors = torch.func.grad(summed)(moving)
        return found


def example_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss [n] of each example, whose mean is ``task_loss``: cross-entropy, or squared error."""
    if targets.is_floating_point():
        return F.mse_loss(outputs, targets, reduction="none").mean(dim=1)
    return F.cross_entropy(outputs, targets, reduction="none")


def _weighted_sum(losses: Losses, weights: Tensor, theta: Tensors, points: Tensors) -> Tensor:
    return (weights * losses({**theta, **points})).sum()


def _apart(moving: Mapping[str, Tensor]) -> Tensors:
    """Return copies that a gradient is taken in, and through which nothing flows back."""
    return {name: value.detach().requires_grad_() for name, value in moving.items()}
