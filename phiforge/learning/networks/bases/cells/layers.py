"""ReLU, convolution and normalisation in that order, by a network's normalisation and its engine."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.engines.vmap.convolution import convolve
from phiforge.learning.networks.bases.network import uniform
from phiforge.learning.networks.bases.normalisation import Pass, init_norm, normalise
from phiforge.learning.tensors import Tensors
from phiforge.spec.norms import Norm


class Layers(NamedTuple):
    """How all layers of a network are computed.

    ``norm``: how they normalise. ``inner_steps``: how many steps normalisation has parameters for, under
    ``per_step``. ``transformed``: whether the engine computes by function transforms.
    """

    norm: Norm
    inner_steps: int
    transformed: bool

    def init(self, name: str, inputs: int, outputs: int, kernel: int, generator: Generator) -> Tensors:
        """Return ``conv.name.weight`` [outputs, inputs, kernel, kernel], and ``norm.name`` at the identity.

        No convolution has a bias: the normalisation after it shifts, as published.
        """
        return self.init_conv(name, inputs, outputs, kernel, generator) | self.init_norm(name, outputs)

    def init_conv(self, name: str, inputs: int, outputs: int, kernel: int, generator: Generator) -> Tensors:
        """Return ``conv.name.weight`` alone, uniform in ±1/sqrt(fan-in)."""
        weight = uniform((outputs, inputs, kernel, kernel), inputs * kernel**2, generator)
        return {f"conv.{name}.weight": weight}

    def init_norm(self, name: str, channels: int) -> Tensors:
        """Return ``norm.name`` at the identity."""
        return init_norm(self.norm, f"norm.{name}", channels, self.inner_steps)

    def relu_conv_norm(
        self, x: Tensor, parameters: Mapping[str, Tensor], name: str, at: Pass, stride: int = 1
    ) -> Tensor:
        """Map ``x`` [n, inputs, height, width] to [n, outputs, height / stride, width / stride]."""
        return self.conv_norm(F.relu(x), parameters, name, at, stride)

    def conv_norm(self, x: Tensor, parameters: Mapping[str, Tensor], name: str, at: Pass, stride: int = 1) -> Tensor:
        """As ``relu_conv_norm``, without the ReLU."""
        return self.normalise(self.convolve(x, parameters[f"conv.{name}.weight"], stride), parameters, name, at)

    def normalise(self, x: Tensor, parameters: Mapping[str, Tensor], name: str, at: Pass) -> Tensor:
        """Normalise maps ``x`` by ``norm.name``."""
        return normalise(self.norm, x, parameters, f"norm.{name}", at, explicit=self.transformed)

    def convolve(self, x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
        """Return the convolution with a kernel of 1x1, or of 3x3 and padding 1."""
        kernel = weight.shape[-1]
        if not self.transformed:
            return F.conv2d(x, weight, stride=stride, padding=kernel // 2)
        found = convolve(x, weight) if kernel > 1 else torch.einsum("oi,nihw->nohw", weight[..., 0, 0], x)
        return found[..., ::stride, ::stride]


def mean_of_fours(x: Tensor) -> Tensor:
    """Return 2x2 average pooling of ``x`` [n, channels, height, width]; what is odd is halved upwards."""
    return F.avg_pool2d(x, 2, ceil_mode=True)
