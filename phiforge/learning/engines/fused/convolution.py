"""A 3x3 convolution whose second derivative is made of convolutions, all in channels-last memory.

Torch's own double backward treats images as channels to find the gradient of the weights, which is several times
slower. The values are those of ``F.conv2d(x, weight, padding=1)`` and its gradients.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused.operation import applied, channels_last, refuse_third_derivative

_GEOMETRY = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
"""Stride, padding, dilation, transposed, output padding, groups."""


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``F.conv2d(x, weight, padding=1)``, which may be differentiated twice."""
    found: Tensor = applied(_Convolution, channels_last(x), channels_last(weight))
    return found


def _forward(x: Tensor, weight: Tensor) -> Tensor:
    found: Tensor = torch.ops.aten.convolution(x, weight, None, *_GEOMETRY)
    return found


def _backward(g: Tensor, x: Tensor, weight: Tensor, *, to_x: bool, to_weight: bool) -> tuple[Tensor, Tensor]:
    found = torch.ops.aten.convolution_backward(g, x, weight, None, *_GEOMETRY, [to_x, to_weight, False])
    return found[0], found[1]


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _forward(x, weight)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        found: tuple[Tensor | None, Tensor | None] = applied(
            _Gradient, channels_last(g), x, weight, ctx.needs_input_grad
        )
        return found


class _Gradient(Function):
    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, weight: Tensor, needs: tuple[bool, bool]) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(g, x, weight)
        ctx.set_materialize_grads(False)
        return _backward(g, x, weight, to_x=needs[0], to_weight=needs[1])

    @staticmethod
    def backward(ctx: Any, to_x: Tensor | None, to_weight: Tensor | None) -> tuple[Tensor | None, ...]:
        """With h of the gradient in x and v of that in the weight: conv(h, weight) + conv(x, v), and crosswise."""
        refuse_third_derivative()
        g, x, weight = ctx.saved_tensors
        for_g = for_x = for_weight = None
        if to_x is not None:
            to_x = channels_last(to_x)
            for_g = _forward(to_x, weight)
            for_weight = _backward(g, to_x, weight, to_x=False, to_weight=True)[1]
        if to_weight is not None:
            to_weight = channels_last(to_weight)
            along = _forward(x, to_weight)
            for_g = along if for_g is None else for_g.add_(along)
            if ctx.needs_input_grad[1]:
                for_x = _backward(g, x, to_weight, to_x=True, to_weight=False)[0]
        return for_g, for_x, for_weight, None
