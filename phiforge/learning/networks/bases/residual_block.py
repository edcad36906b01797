"""A residual block of three convolutions, as ResNet-12 has four of."""

from collections.abc import Mapping
from typing import NamedTuple

import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors

CONVOLUTIONS = 3
SLOPE = 0.1
"""Of the leaky ReLU below zero."""


class ResidualBlock(NamedTuple):
    """x -> f(c₃(f(c₂(f(c₁(x))))) + s(x)): cᵢ 3x3 convolutions, s a 1x1 convolution, all normalised; f leaky ReLU."""

    name: str
    inputs: int
    outputs: int

    def init(self, generator: Generator, layers: Layers) -> Tensors:
        """Return fresh parameters: uniform in ±1/sqrt(fan-in), normalisation at the identity."""
        found: Tensors = {}
        for place in range(CONVOLUTIONS):
            inputs = self.outputs if place else self.inputs
            found |= layers.init(f"{self.name}.{place}", inputs, self.outputs, 3, generator)
        return found | layers.init(f"{self.name}.shortcut", self.inputs, self.outputs, 1, generator)

    def sums(self, x: Tensor, parameters: Mapping[str, Tensor], at: Pass, layers: Layers) -> Tensor:
        """Map ``x`` [n, inputs, height, width] to what the last leaky ReLU takes, [n, outputs, height, width]."""
        found = x
        for place in range(CONVOLUTIONS):
            found = F.leaky_relu(found, SLOPE) if place else found
            found = layers.conv_norm(found, parameters, f"{self.name}.{place}", at)
        return found + layers.conv_norm(x, parameters, f"{self.name}.shortcut", at)
