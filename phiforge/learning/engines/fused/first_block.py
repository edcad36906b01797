"""The first block on images of one channel: convolution, batch normalisation, ReLU and max-pooling in one pass.

The statistics of a 3x3 convolution follow from those of the image's patches: with their mean m [9] and covariance C,
a filter w has mean w·m and variance wᵀCw. So normalisation is folded into weights and shifts, in a few operations on
[channels, 9] that torch differentiates, and the map before pooling is never in memory.

Given which position each output was chosen from, the output is linear in weights and shifts. Its gradient is the
transpose of that map, and the gradient of that is the map itself again.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused import first_block_loops as loops
from phiforge.learning.engines.fused.block import EPSILON
from phiforge.learning.engines.fused.operation import applied, as_map, channels_last, empty_map, refuse_third_derivative


def first_block(x: Tensor, filters: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return relu(max_pool2d(batch_norm(conv2d(x, filters, padding=1)), 2)); differentiable twice, not in x.

    ``x`` [n, 1, height, width], ``filters`` [channels, 1, 3, 3], ``weight``, ``bias`` [channels] of the normalisation.
    """
    padded = F.pad(x.detach()[:, 0], (1, 1, 1, 1))
    mean, covariance = np.empty(9), np.empty((9, 9))
    loops.patch_moments(padded.numpy(), mean, covariance)
    flat = filters.flatten(1).double()
    variance = ((flat @ torch.from_numpy(covariance)) * flat).sum(dim=1)
    scale = weight.double() * (variance + EPSILON).rsqrt()
    shift = bias.double() - scale * (flat @ torch.from_numpy(mean))
    folded = (flat * scale[:, None]).T.contiguous()
    return chosen_of(padded, folded.to(x.dtype), shift.to(x.dtype))


def chosen_of(x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
    """Return relu(max_pool2d(conv2d(x, weight) + shift)); differentiable twice, not in x.

    ``x`` [n, height + 2, width + 2] is padded already, ``weight`` [9, channels], ``shift`` [channels].
    """
    found: Tensor = applied(_Choice, x, weight, shift)
    return found


class _Choice(Function):
    """relu(max_pool2d(conv2d(x, weight) + shift)) of ``x`` [n, height + 2, width + 2] and ``weight`` [9, channels]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, shift: Tensor) -> Tensor:
        images, height, width = x.shape
        shape = (images, weight.shape[1], height // 2 - 1, width // 2 - 1)
        y, chosen = empty_map(*shape, x.dtype), empty_map(*shape, torch.uint8)
        loops.first_forward(x.numpy(), weight.detach().numpy(), shift.detach().numpy(), as_map(y), as_map(chosen))
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
        found = torch.empty(10, g.shape[1], dtype=torch.float64)
        loops.first_backward(x.numpy(), as_map(g), as_map(chosen), found[:9].numpy(), found[9].numpy())
        found = found.to(g.dtype)
        return found[:9], found[9]

    @staticmethod
    def backward(ctx: Any, to_weight: Tensor, to_shift: Tensor) -> tuple[Tensor | None, ...]:
        refuse_third_derivative()
        x, chosen = ctx.saved_tensors
        y = torch.empty_like(chosen, dtype=x.dtype)
        loops.first_replay(
            x.numpy(), to_weight.contiguous().numpy(), to_shift.contiguous().numpy(), as_map(chosen), as_map(y)
        )
        return y, None, None
