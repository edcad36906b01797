"""The first block on images of one channel, each normalised by itself, or not at all: one pass, no map before pooling.

As in ``first_block``, the statistics of a convolution follow from those of the image's 3x3 patches: with their mean
m [9] and covariance C, a filter w with bias b has mean w·m + b and variance wᵀCw. A group of channels has the mean of
their means, and the mean of their variances and of the squares of how far their means are from that.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused import example_first_loops as loops
from phiforge.learning.engines.fused.block import EPSILON
from phiforge.learning.engines.fused.first_block import chosen_of
from phiforge.learning.engines.fused.operation import applied, as_map, channels_last, empty_map, refuse_third_derivative


def scaled_first_block(x: Tensor, filters: Tensor, bias: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    """Return relu(max_pool2d(conv2d(x, filters, bias, padding=1) * weight + shift, 2)); differentiable twice, not in x.

    Args:
        x: images [n, 1, height, width].
        filters: [channels, 1, 3, 3].
        bias: [channels], of the convolution.
        weight: [channels].
        shift: as ``weight``.
    """
    scale = weight.double()
    folded = (filters.flatten(1).double() * scale[:, None]).T.contiguous()
    return chosen_of(_padded(x), folded.to(x.dtype), (shift.double() + scale * bias.double()).to(x.dtype))


def group_normalised_first_block(
    x: Tensor, filters: Tensor, bias: Tensor, weight: Tensor, shift: Tensor, groups: int
) -> Tensor:
    """Return the same with group normalisation in between; arguments as of ``scaled_first_block``."""
    padded, flat, inner = _padded(x), filters.flatten(1).double(), bias.double()
    mean, covariance = _patches(padded)
    means = mean @ flat.T + inner
    variances = ((flat @ covariance) * flat).sum(dim=2)
    middle = of_groups(means, groups)
    spread = of_groups(variances + (means - middle).square(), groups)
    scale = weight.double() * (spread + EPSILON).rsqrt()
    folded = flat.T * scale[:, None]
    found: Tensor = applied(
        _Choice, padded, folded.to(x.dtype), (shift.double() + scale * (inner - middle)).to(x.dtype)
    )
    return found


def of_groups(values: Tensor, groups: int) -> Tensor:
    """Return for each channel the mean over its group; ``values`` [n, channels]."""
    images, channels = values.shape
    means = values.reshape(images, groups, -1).mean(dim=2, keepdim=True)
    return means.expand(-1, -1, channels // groups).reshape(images, channels)


def _padded(x: Tensor) -> Tensor:
    return F.pad(x.detach()[:, 0], (1, 1, 1, 1))


def _patches(padded: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean [n, 9] and the covariance [n, 9, 9] of each image's patches."""
    images = len(padded)
    mean, covariance = (torch.empty(images, *shape, dtype=torch.float64) for shape in ((9,), (9, 9)))
    loops.patch_moments_of_each(padded.numpy(), mean.numpy(), covariance.numpy())
    return mean, covariance


class _Choice(Function):
    """As that of ``first_block``, with filters ``weight`` [n, 9, channels] and ``shift`` [n, channels] an image."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
        images, height, width = x.shape
        shape = (images, weight.shape[2], height // 2 - 1, width // 2 - 1)
        y, chosen = empty_map(*shape, x.dtype), empty_map(*shape, torch.uint8)
        rows = weight.detach().contiguous().numpy(), shift.detach().contiguous().numpy()
        loops.forward_of_each(x.numpy(), *rows, as_map(y), as_map(chosen))
        ctx.save_for_backward(x, chosen)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return None, *applied(_Transpose, channels_last(g), *ctx.saved_tensors)


class _Transpose(Function):
    """The gradient of ``_Choice`` in weight and shift, for choices made."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, chosen)
        images, channels = g.shape[:2]
        to_weight, to_shift = (torch.empty(images, *each, channels, dtype=torch.float64) for each in ((9,), ()))
        loops.backward_of_each(x.numpy(), as_map(g), as_map(chosen), to_weight.numpy(), to_shift.numpy())
        return to_weight.to(g.dtype), to_shift.to(g.dtype)

    @staticmethod
    def backward(ctx: Any, to_weight: Tensor, to_shift: Tensor) -> tuple[Tensor | None, ...]:
        refuse_third_derivative()
        x, chosen = ctx.saved_tensors
        y = torch.empty_like(chosen, dtype=x.dtype)
        rows = to_weight.contiguous().numpy(), to_shift.contiguous().numpy()
        loops.replay_of_each(x.numpy(), *rows, as_map(chosen), as_map(y))
        return y, None, None
