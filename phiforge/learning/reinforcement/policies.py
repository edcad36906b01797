"""Policies: what a network's outputs say about actions, as pure functions."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from phiforge.learning.tensors import Tensors
from phiforge.tasks.families.bases.world import Actions

LOG_DEVIATION = "policy.log_deviation"
_LEAST, _MOST = -5.0, 2.0
"""Of the logarithm of a deviation: no step of an inner loop makes a policy certain, or endlessly wild."""


class Policy(ABC):
    """What outputs mean; ``outputs`` are so many numbers of a network's head for one observation."""

    def __init__(self, count: int, deviation: float) -> None:
        self.outputs, self.deviation = count, deviation

    @abstractmethod
    def init(self) -> Tensors:
        """Return the parameters that it has besides the network's."""

    @abstractmethod
    def act(self, parameters: Mapping[str, Tensor], outputs: Tensor, luck: Tensor) -> Tensor:
        """Return actions, by ``luck`` as ``luck_of_actions`` draws it."""

    @abstractmethod
    def log_probability(self, parameters: Mapping[str, Tensor], outputs: Tensor, actions: Tensor) -> Tensor:
        """Return log π of ``actions`` [...], of outputs [..., outputs]."""

    @abstractmethod
    def entropy(self, parameters: Mapping[str, Tensor], outputs: Tensor) -> Tensor:
        """Return the entropy of the policy [...], of outputs [..., outputs]."""

    @abstractmethod
    def described(self, actions: Tensor) -> Tensor:
        """Return actions as numbers [..., outputs] that a network can take in."""


class Choices(Policy):
    """One of several actions, by a softmax of the outputs."""

    def init(self) -> Tensors:
        """Return nothing."""
        return {}

    def act(self, parameters: Mapping[str, Tensor], outputs: Tensor, luck: Tensor) -> Tensor:
        """Return the first choice at which the summed chances exceed the luck."""
        upto = outputs.softmax(dim=-1).cumsum(dim=-1)
        return (luck[..., None] >= upto).sum(dim=-1).clamp(max=self.outputs - 1)

    def log_probability(self, parameters: Mapping[str, Tensor], outputs: Tensor, actions: Tensor) -> Tensor:
        """Return the logarithm of the softmax at the action."""
        return outputs.log_softmax(dim=-1).gather(-1, actions[..., None])[..., 0]

    def entropy(self, parameters: Mapping[str, Tensor], outputs: Tensor) -> Tensor:
        """Return −Σ p log p."""
        logarithms = outputs.log_softmax(dim=-1)
        return -(logarithms.exp() * logarithms).sum(dim=-1)

    def described(self, actions: Tensor) -> Tensor:
        """Return a one at the choice."""
        return torch.nn.functional.one_hot(actions, self.outputs)


class Normal(Policy):
    """Real numbers, normal around the outputs, of deviations that are parameters."""

    def init(self) -> Tensors:
        """Return the logarithm of the deviations [outputs]."""
        return {LOG_DEVIATION: torch.full((self.outputs,), math.log(self.deviation))}

    def act(self, parameters: Mapping[str, Tensor], outputs: Tensor, luck: Tensor) -> Tensor:
        """Return the outputs, and as many deviations beside them as the luck says."""
        return outputs + _logarithm(parameters).exp() * luck

    def log_probability(self, parameters: Mapping[str, Tensor], outputs: Tensor, actions: Tensor) -> Tensor:
        """Return the logarithm of the density."""
        logarithm = _logarithm(parameters)
        beside = (actions - outputs) / logarithm.exp()
        return (-0.5 * beside.square() - logarithm - 0.5 * math.log(2 * math.pi)).sum(dim=-1)

    def entropy(self, parameters: Mapping[str, Tensor], outputs: Tensor) -> Tensor:
        """Return the logarithm of the deviations, and a constant for each."""
        each = _logarithm(parameters) + 0.5 * math.log(2 * math.pi * math.e)
        return each.sum().expand(outputs.shape[:-1])

    def described(self, actions: Tensor) -> Tensor:
        """Return them as they are."""
        return actions


def policy_for(actions: Actions, deviation: float = 1.0) -> Policy:
    """Return the policy for ``actions``; values begin with a standard deviation of ``deviation``."""
    return Normal(actions.size, deviation) if actions.continuous else Choices(actions.size, deviation)


def _logarithm(parameters: Mapping[str, Tensor]) -> Tensor:
    return parameters[LOG_DEVIATION].clamp(_LEAST, _MOST)
