"""What every network is: inputs to features, as a pure function of its parameters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Generator, Tensor

from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import Tensors


class Network(ABC):
    """``feature_count`` numbers for each input; all parameters are given with each call."""

    feature_count: int
    transductive: bool
    """Whether the features of one input depend on the other inputs of its set."""

    @abstractmethod
    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters, and fresh statistics if its normalisation keeps any."""

    @abstractmethod
    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map inputs ``x`` [n, ...] to features [n, feature_count]."""


def multiplying(x: Tensor, bfloat16: bool) -> AbstractContextManager[object]:
    """Return a context for a pass over inputs ``x``: its convolutions and linear layers in bfloat16, if so asked.

    Parameters stay as they are and are cast at each use, without a cache, which function transforms would leak into.
    """
    return torch.autocast(x.device.type, torch.bfloat16, cache_enabled=False) if bfloat16 else nullcontext()


def uniform(shape: tuple[int, ...], fan_in: int, generator: Generator) -> Tensor:
    """Draw from ±1/sqrt(fan_in), torch's own default for linear and convolutional layers."""
    bound = fan_in**-0.5
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)


def linear(name: str, inputs: int, outputs: int, generator: Generator) -> Tensors:
    """Return a fresh linear layer: ``name.weight`` [outputs, inputs] and ``name.bias`` [outputs]."""
    weight = uniform((outputs, inputs), inputs, generator)
    return {f"{name}.weight": weight, f"{name}.bias": uniform((outputs,), inputs, generator)}
