"""The operations of NAS-Bench-201 on feature maps, each at its place in a network (Dong and Yang 2020, section 2.1)."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.edges import KERNELS, Operation

Apply = Callable[[Tensor, Mapping[str, Tensor], str, Pass, Layers], Tensor]
"""An operation: of maps [n, channels, height, width], parameters and the place whose they are, to maps alike."""


def init_operation(operation: Operation, place: str, channels: int, generator: Generator, layers: Layers) -> Tensors:
    """Return fresh parameters of an operation at ``place``: none, or those of a convolution and its normalisation."""
    if operation not in KERNELS:
        return {}
    return layers.init(f"{place}.{operation}", channels, channels, KERNELS[operation], generator)


def operate(
    operation: Operation, x: Tensor, parameters: Mapping[str, Tensor], place: str, at: Pass, layers: Layers
) -> Tensor:
    """Return what an operation at ``place`` makes of maps ``x`` [n, channels, height, width]: maps of that shape."""
    return _APPLIED[operation](x, parameters, f"{place}.{operation}", at, layers)


def _none(x: Tensor, parameters: Mapping[str, Tensor], place: str, at: Pass, layers: Layers) -> Tensor:
    return torch.zeros_like(x)


def _skip(x: Tensor, parameters: Mapping[str, Tensor], place: str, at: Pass, layers: Layers) -> Tensor:
    return x


def _convolution(x: Tensor, parameters: Mapping[str, Tensor], place: str, at: Pass, layers: Layers) -> Tensor:
    return layers.relu_conv_norm(x, parameters, place, at)


def _pool(x: Tensor, parameters: Mapping[str, Tensor], place: str, at: Pass, layers: Layers) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


_APPLIED: Mapping[Operation, Apply] = {
    "none": _none,
    "skip": _skip,
    "conv1x1": _convolution,
    "conv3x3": _convolution,
    "pool3x3": _pool,
}
