"""Scale, shift, 2x2 max-pooling and ReLU in one pass over the map, by numbers of each image and channel.

Layer and group normalisation (Ba et al. 2016, Wu and He 2018) are this, as z · scale + shift, after one pass that takes
each image's sums: what comes between, from sums to scales and shifts, are numbers [n, channels] that torch
differentiates. Without normalisation there is nothing between.

Both passes have a first and a second derivative by hand. With G the incoming gradient where it was chosen, else 0:

    ∂/∂z = scale · G,    ∂/∂scale = ΣGz,    ∂/∂shift = ΣG,    over the positions of an image and channel.

The choice of the maximum and of ReLU counts as constant, as it does in torch.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused import example_loops as loops
from phiforge.learning.engines.fused.block import EPSILON
from phiforge.learning.engines.fused.example_first_block import of_groups
from phiforge.learning.engines.fused.operation import (
    applied,
    as_map,
    as_rows,
    channels_last,
    empty_map,
    refuse_third_derivative,
)


def scaled_pooled(z: Tensor, bias: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    """Return relu(max_pool2d((z + bias) * weight + shift, 2)); differentiable twice.

    Args:
        z: a map [n, channels, height, width].
        bias: [channels], of the convolution before.
        weight: [channels].
        shift: as ``weight``.
    """
    return _pooled(channels_last(z), weight.double(), shift.double() + weight.double() * bias.double())


def group_normalised_pooled(z: Tensor, bias: Tensor, weight: Tensor, shift: Tensor, groups: int) -> Tensor:
    """Return relu(max_pool2d(group_norm(z + bias, groups, weight, shift), 2)); arguments as of ``scaled_pooled``.

    One group is layer normalisation.
    """
    z, bias = channels_last(z), bias.double()
    z, mean, square = applied(_Moments, z)
    mean, square = mean + bias, square + 2 * bias * mean + bias * bias
    middle, spread = of_groups(mean, groups), of_groups(square, groups)
    scale = weight.double() * (spread - middle * middle + EPSILON).rsqrt()
    return _pooled(z, scale, shift.double() + scale * (bias - middle))


def _pooled(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    shape = z.shape[:2]
    found: Tensor = applied(_Choice, z, scale.expand(shape).to(z.dtype), shift.expand(shape).to(z.dtype))
    return found


def _sums(like: Tensor) -> Tensor:
    return torch.empty(like.shape[:2], dtype=torch.float64)


class _Moments(Function):
    """``z`` as it is, with the mean and the mean square of each of its images and channels [n, channels] in float64.

    The map goes through here, so that its gradient and that by way of the sums are added in one pass.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, square = _sums(z), _sums(z)
        loops.moments(as_map(z), mean.numpy(), square.numpy())
        ctx.save_for_backward(z)
        return z.view_as(z), mean, square

    @staticmethod
    def backward(ctx: Any, to_z: Tensor, to_mean: Tensor, to_square: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        found: Tensor = applied(_MomentsGradient, z, channels_last(to_z), to_mean, to_square)
        return found


class _MomentsGradient(Function):
    """to_z + (to_mean + 2 to_square z) / positions."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, to_z: Tensor, to_mean: Tensor, to_square: Tensor) -> Tensor:
        positions = z.shape[2] * z.shape[3]
        out = torch.empty_like(z)
        rows = as_rows(to_mean / positions, z), as_rows(2 * to_square / positions, z)
        loops.line(as_map(z), as_map(to_z), *rows, as_map(out))
        ctx.save_for_backward(z, to_square)
        return out

    @staticmethod
    def backward(ctx: Any, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        refuse_third_derivative()
        z, to_square = ctx.saved_tensors
        h, positions = channels_last(h), z.shape[2] * z.shape[3]
        along_z, plain, met = torch.empty_like(z), _sums(z), _sums(z)
        slope = as_rows(2 * to_square / positions, z)
        loops.line_gradient(as_map(h), as_map(z), slope, as_map(along_z), plain.numpy(), met.numpy())
        return along_z, h, plain / positions, 2 * met / positions


class _Choice(Function):
    """relu(max_pool2d(z * scale + shift, 2)), where ``scale`` and ``shift`` are [n, channels]."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        images, channels, height, width = z.shape
        y = empty_map(images, channels, height // 2, width // 2, z.dtype)
        chosen = empty_map(images, channels, height // 2, width // 2, torch.uint8)
        loops.forward(as_map(z), as_rows(scale, z), as_rows(shift, z), as_map(y), as_map(chosen))
        ctx.save_for_backward(z, scale, chosen)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = applied(_Gradient, channels_last(g), *ctx.saved_tensors)
        return found


class _Gradient(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, z: Tensor, scale: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        to_z, to_scale, to_shift = torch.empty_like(z), _sums(z), _sums(z)
        rows = (to_scale.numpy(), to_shift.numpy())
        loops.gradient(as_map(g), as_map(chosen), as_map(z), as_rows(scale, z), as_map(to_z), *rows)
        ctx.save_for_backward(g, z, scale, chosen)
        return to_z, to_scale.to(scale), to_shift.to(scale)

    @staticmethod
    def backward(ctx: Any, h: Tensor, along_scale: Tensor, along_shift: Tensor) -> tuple[Tensor | None, ...]:
        refuse_third_derivative()
        g, z, scale, chosen = ctx.saved_tensors
        to_g, to_z, to_scale = torch.empty_like(g), torch.empty_like(z), _sums(z)
        a, b, d = (as_rows(each, z) for each in (scale, along_scale, along_shift))
        maps = as_map(to_g), as_map(to_z)
        loops.second(as_map(channels_last(h)), as_map(g), as_map(chosen), as_map(z), a, b, d, *maps, to_scale.numpy())
        return to_g, to_z, to_scale.to(scale), None
