"""A 3x3 convolution whose second derivative is made of convolutions, all in channels-last memory.

Torch's own double backward treats images as channels to find the gradient of the weights, which is several times
slower. The values are those of ``F.conv2d(x, weight, padding=1)`` and its gradients.

In bfloat16 both factors of each product are rounded to it, in the convolution, its gradients and theirs alike; products
are summed in float32 and rounded once. What goes in and comes out is of the type it had.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused.operation import applied, channels_last, refuse_third_derivative

_GEOMETRY = ([1, 1], [1, 1], [1, 1], False, [0, 0], 1)
"""Stride, padding, dilation, transposed, output padding, groups."""


def convolve(x: Tensor, weight: Tensor, bfloat16: bool = False) -> Tensor:
    """Return ``F.conv2d(x, weight, padding=1)``, which may be differentiated twice.

    Args:
        x: a map [n, inputs, height, width].
        weight: [outputs, inputs, 3, 3].
        bfloat16: whether to multiply in it.
    """
    found: Tensor = applied(_Convolution, channels_last(x), channels_last(weight), bfloat16)
    return found


def _rounded(*factors: Tensor, bfloat16: bool) -> tuple[Tensor, ...]:
    return tuple(each.bfloat16() for each in factors) if bfloat16 else factors


def _forward(x: Tensor, weight: Tensor, bfloat16: bool) -> Tensor:
    found: Tensor = torch.ops.aten.convolution(*_rounded(x, weight, bfloat16=bfloat16), None, *_GEOMETRY)
    return found.to(x.dtype)


def _backward(g: Tensor, x: Tensor, weight: Tensor, needs: Sequence[bool], bfloat16: bool) -> list[Any]:
    """Return the gradients in ``x`` and in ``weight``; where one is not needed, there is None."""
    factors = _rounded(g, x, weight, bfloat16=bfloat16)
    found = torch.ops.aten.convolution_backward(*factors, None, *_GEOMETRY, [*needs, False])
    return [each if each is None else each.to(g.dtype) for each in found[:2]]


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bfloat16: bool) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.bfloat16 = bfloat16
        return _forward(x, weight, bfloat16)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return *applied(_Gradient, channels_last(g), x, weight, ctx.needs_input_grad[:2], ctx.bfloat16), None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor, needs: tuple[bool, bool], bfloat16: bool
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(g, x, weight)
        ctx.set_materialize_grads(False)
        ctx.bfloat16 = bfloat16
        return tuple(_backward(g, x, weight, needs, bfloat16))

    @staticmethod
    def backward(ctx: Any, to_x: Tensor | None, to_weight: Tensor | None) -> tuple[Tensor | None, ...]:
        """With h of the gradient in x and v of that in the weight: conv(h, weight) + conv(x, v), and crosswise."""
        refuse_third_derivative()
        g, x, weight = ctx.saved_tensors
        for_g = for_x = for_weight = None
        if to_x is not None:
            to_x = channels_last(to_x)
            for_g = _forward(to_x, weight, ctx.bfloat16)
            for_weight = _backward(g, to_x, weight, (False, True), ctx.bfloat16)[1]
        if to_weight is not None:
            to_weight = channels_last(to_weight)
            along = _forward(x, to_weight, ctx.bfloat16)
            for_g = along if for_g is None else for_g.add_(along)
            if ctx.needs_input_grad[1]:
                for_x = _backward(g, x, to_weight, (True, False), ctx.bfloat16)[0]
        return for_g, for_x, for_weight, None, None
