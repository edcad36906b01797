"""What every network is: inputs to features, as a pure function of its parameters."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.engines import transforms
from phiforge.learning.engines.vmap.convolution import convolve, pool
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass, is_statistic, is_transductive
from phiforge.learning.tensors import Tensors
from phiforge.registry.abilities import NetworkPart
from phiforge.spec.norms import Norm
from phiforge.spec.task import Engine


class Network(NetworkPart, ABC):
    """``feature_count`` numbers for each input; all parameters are given with each call.

    Example::

        network = build_network(Conv4Config(channels=32), (1, 28, 28))
        parameters = network.init(torch.Generator().manual_seed(0))
        features = network.features(parameters, images)  # [n, network.feature_count]
    """

    feature_count: int
    transductive: bool
    """Whether the features of one input depend on the other inputs of its set."""

    def __init__(
        self,
        config: Any,  # noqa: ANN401 - its own configuration
        input_shape: tuple[int, ...],
        inner_steps: int = 0,
        engine: Engine = "torch",
        bfloat16: bool = False,
    ) -> None:
        """Prepare for inputs of ``input_shape``; see ``build_network``."""
        self.config, self.input_shape, self.inner_steps = config, input_shape, inner_steps
        self.engine, self.bfloat16 = engine, bfloat16
        self.prepare()

    def prepare(self) -> None:
        """Set what follows from what a network is made of, ``feature_count`` above all; here nothing."""

    def adapts(self, name: str) -> bool:
        """Say whether an inner loop may change the parameter ``name``: not what stands for a step, nor statistics."""
        return not is_statistic(name)

    def perturbed_layers(self) -> tuple[str, ...]:
        """Return the names of the layers whose output a pass may perturb, ``NAME.weight`` of each in its parameters."""
        return ()

    @abstractmethod
    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters, and fresh statistics if its normalisation keeps any."""

    @abstractmethod
    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map inputs ``x`` [n, ...] to features [n, feature_count]."""


class MapNetwork(Network):
    """A network whose features are those of a map [channels, height, width], and that lends its operations."""

    maps = True
    map_shape: tuple[int, int, int]
    norm: Norm
    """How it normalises its maps."""
    convolve: Callable[..., Tensor]
    """As F.conv2d with padding 1, by its engine."""
    pool: Callable[..., Tensor]
    """As F.max_pool2d with kernel size 2, by its engine."""
    transformed: bool
    """Whether its engine computes by function transforms."""

    def prepare(self) -> None:
        """Set the operations that it lends."""
        super().prepare()
        self.norm, self.transformed = self.config.norm, transforms(self.engine)
        self.transductive = is_transductive(self.norm)
        self.convolve = convolve if self.transformed else partial(F.conv2d, padding=1)
        self.pool = pool if self.transformed else partial(F.max_pool2d, kernel_size=2)

    @abstractmethod
    def feature_map(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to maps [n, *map_shape]."""


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
