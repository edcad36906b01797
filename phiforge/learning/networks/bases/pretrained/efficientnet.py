"""EfficientNet-Lite0 as a pure function of its parameters.

Tan and Le 2019, "EfficientNet", table 1, without squeeze-and-excitation and with ReLU6 ("Lite"), as in TensorFlow's
models/official/efficientnet/lite: 224x224, pixels of 0 to 255 as (x - 127) / 128.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

FEATURES = 1280
STEM = 32
_EPSILON = 1e-3


class Block(NamedTuple):
    """An inverted bottleneck: 1x1 to ``expand`` times the inputs, a ``kernel`` for each channel, 1x1 to the outputs."""

    inputs: int
    outputs: int
    expand: int
    kernel: int
    stride: int


STAGES = (
    (1, Block(32, 16, 1, 3, 1)),
    (2, Block(16, 24, 6, 3, 2)),
    (2, Block(24, 40, 6, 5, 2)),
    (3, Block(40, 80, 6, 3, 2)),
    (3, Block(80, 112, 6, 5, 1)),
    (4, Block(112, 192, 6, 5, 2)),
    (1, Block(192, 320, 6, 3, 1)),
)
"""Repetitions of each stage, and its first block; those after it keep the image and the width."""


def blocks() -> Iterator[Block]:
    """Yield the blocks in order."""
    for repeats, first in STAGES:
        yield first
        yield from [first._replace(inputs=first.outputs, stride=1)] * (repeats - 1)


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by name."""
    found = _of_layer("conv_stem", "bn0", (STEM, 3, 3, 3))
    for index, block in enumerate(blocks()):
        name, wide = f"blocks.{index}", block.inputs * block.expand
        if block.expand > 1:
            found |= _of_layer(f"{name}.expand_conv", f"{name}.bn0", (wide, block.inputs, 1, 1))
        found |= _of_layer(f"{name}.depthwise_conv", f"{name}.bn1", (wide, 1, block.kernel, block.kernel))
        found |= _of_layer(f"{name}.project_conv", f"{name}.bn2", (block.outputs, wide, 1, 1))
    return found | _of_layer("conv_head", "bn1", (FEATURES, STAGES[-1][1].outputs, 1, 1))


def features(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Map images ``x`` [n, 3, height, width] of values in [0, 1] to features [n, 1280].

    Batch normalisation uses the statistics of ImageNet, so that an image's features are its own.
    """
    x = (255 * x - 127) / 128
    x = F.relu6(_layer(x, parameters, "conv_stem", "bn0", stride=2))
    for index, block in enumerate(blocks()):
        found = _bottleneck(x, parameters, f"blocks.{index}", block)
        x = found + x if block.stride == 1 and block.inputs == block.outputs else found
    return F.relu6(_layer(x, parameters, "conv_head", "bn1")).mean(dim=(2, 3))


def _bottleneck(x: Tensor, parameters: Mapping[str, Tensor], name: str, block: Block) -> Tensor:
    if block.expand > 1:
        x = F.relu6(_layer(x, parameters, f"{name}.expand_conv", f"{name}.bn0"))
    x = F.relu6(_layer(x, parameters, f"{name}.depthwise_conv", f"{name}.bn1", block.stride, groups=x.shape[1]))
    return _layer(x, parameters, f"{name}.project_conv", f"{name}.bn2")


def _layer(
    x: Tensor, parameters: Mapping[str, Tensor], conv: str, norm: str, stride: int = 1, groups: int = 1
) -> Tensor:
    """Convolve and normalise; the image is padded as TensorFlow does: on the right and below by one more if odd."""
    weight = parameters[f"{conv}.weight"]
    sides = [_padding(side, weight.shape[-1], stride) for side in (x.shape[3], x.shape[2])]
    x = F.conv2d(F.pad(x, [*sides[0], *sides[1]]), weight, stride=stride, groups=groups)
    mean, var, scale, shift = (
        parameters[f"{norm}.{each}"].to(x.dtype) for each in ("running_mean", "running_var", "weight", "bias")
    )
    return F.batch_norm(x, mean, var, scale, shift, training=False, eps=_EPSILON)


def _padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    whole = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return whole // 2, whole - whole // 2


def _of_layer(conv: str, norm: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    of_norm = ("weight", "bias", "running_mean", "running_var")
    return {f"{conv}.weight": shape} | {f"{norm}.{each}": shape[:1] for each in of_norm}
