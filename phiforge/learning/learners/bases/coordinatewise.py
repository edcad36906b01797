"""What learned optimisers have in common: one rule, the same for every coordinate, that remembers earlier gradients."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import loss_and_gradients
from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.learners.bases.networked import ModelLearner
from phiforge.learning.learners.bases.pieces import ends_of, phi_of_steps
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.scores.loss import task_loss
from phiforge.learning.tensors import Tensors, without_prefix

OPTIMIZER = "optimizer"
_P = 10.0
"""p of the preprocessing: gradients below e^-p count as small."""

Memory = TypeVar("Memory")


class Slope(NamedTuple):
    """What the rule sees of one tensor of θ: its ``gradient``, of its shape, and the support ``loss``, a scalar."""

    gradient: Tensor
    loss: Tensor


class CoordinatewiseLearner(ModelLearner, Generic[Memory]):
    """φ holds the rule under ``optimizer/`` and θ⁰ under ``start/``; F_φ applies the rule, the network follows."""

    inner_gradient = True
    tries_steps = True
    cuts = True
    averages = False

    def start(self, phi: Phi, like: Tensor, mode: Mode, generator: Generator) -> Tensors:
        """Return θ⁰, on the device and of the type of ``like``; here what φ holds."""
        return without_prefix(START, phi)

    @abstractmethod
    def fresh_memory(self, value: Tensor) -> Memory:
        """Return what is remembered of a tensor of θ before the first update."""

    @abstractmethod
    def updated(self, rule: Mapping[str, Tensor], value: Tensor, slope: Slope, memory: Memory) -> tuple[Tensor, Memory]:
        """Return a tensor of θ after one update, and what to remember of it."""

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the learned updates on the support set."""
        steps = self.config.inner_steps if mode.training else self.config.inner_steps_evaluation
        return partial(self._outputs, self._path([phi] * steps, support_x, support_y, mode, generator)[-1])

    def adapt_by_steps(
        self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator, steps: Sequence[int]
    ) -> dict[int, Predictor]:
        """Return the network after each number of learned updates."""
        path = self._path([phi] * max(steps), support_x, support_y, mode, generator)
        return {count: partial(self._outputs, path[count]) for count in steps}

    def adapt_by_pieces(
        self, phis: Sequence[Phi], length: int, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Predictor]:
        """Return the network after each piece of the learned updates, which each φ decides in turn."""
        each, ends = phi_of_steps(phis, length, self.config.inner_steps), ends_of(length, self.config.inner_steps)
        path = self._path(each, support_x, support_y, mode, generator)
        return [partial(self._outputs, path[end]) for end in ends]

    def _path(
        self, phis: Sequence[Phi], support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator
    ) -> list[Tensors]:
        """Return θ⁰ and θ after each update, by the rule of the φ in its place."""
        with torch.enable_grad():
            theta = self.start(phis[0], support_x, mode, generator)
            memories = {name: self.fresh_memory(value) for name, value in theta.items() if self.model.adapts(name)}
            path = [dict(theta)]
            for phi in phis:
                rule = without_prefix(OPTIMIZER, phi)
                loss, gradients = loss_and_gradients(
                    lambda at: task_loss(self.model.outputs(at, support_x), support_y),
                    theta,
                    {name: theta[name] for name in memories},
                    keep_graph=mode.second_order,
                )
                for name, gradient in gradients.items():
                    slope = Slope(gradient, loss)
                    theta[name], memories[name] = self.updated(rule, theta[name], slope, memories[name])
                path.append(dict(theta))
        return path

    def _outputs(self, theta: Tensors, query_x: Tensor) -> Tensor:
        return self.model.outputs(theta, query_x)


def preprocess(slope: Tensor) -> Tensor:
    """Return [n, 2]: (log|∇| / p, sgn ∇) where |∇| ≥ e^-p, else (-1, e^p ∇).

    Andrychowicz et al. 2016, appendix A, with p = 10.
    """
    slope = slope.reshape(-1)
    small = slope.abs() < math.exp(-_P)
    magnitude = torch.where(small, torch.ones_like(slope), slope.abs()).log() / _P
    first = torch.where(small, -torch.ones_like(slope), magnitude)
    second = torch.where(small, math.exp(_P) * slope, slope.sign())
    return torch.stack([first, second], dim=1)
