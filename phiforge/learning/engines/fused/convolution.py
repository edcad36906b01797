"""A 3x3 convolution, of any stride, whose second derivative is made of convolutions, all in channels-last memory.

Torch's own double backward treats images as channels to find the gradient of the weights, which is several times
slower. The values are those of ``F.conv2d`` and its gradients.

In bfloat16 both factors of each product are rounded to it, in the convolution, its gradients and theirs alike; products
are summed in float32 and rounded once. What goes in and comes out is of the type it had.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused.operation import applied, channels_last, refuse_third_derivative


class _Way(NamedTuple):
    """How a convolution is computed, beside what it is of."""

    stride: int
    bfloat16: bool

    @property
    def geometry(self) -> tuple[Any, ...]:
        """Stride, padding, dilation, transposed, output padding, groups."""
        return [self.stride] * 2, [1, 1], [1, 1], False, [0, 0], 1

    def rounded(self, *factors: Tensor) -> tuple[Tensor, ...]:
        """Return factors as they are multiplied."""
        return tuple(each.bfloat16() for each in factors) if self.bfloat16 else factors


def convolve(x: Tensor, weight: Tensor, stride: int = 1, bfloat16: bool = False) -> Tensor:
    """Return ``F.conv2d(x, weight, stride=stride, padding=1)``, which may be differentiated twice.

    Args:
        x: a map [n, inputs, height, width].
        weight: [outputs, inputs, 3, 3].
        stride: in both directions.
        bfloat16: whether to multiply in it.
    """
    found: Tensor = applied(_Convolution, channels_last(x), channels_last(weight), _Way(stride, bfloat16))
    return found


def _forward(x: Tensor, weight: Tensor, way: _Way) -> Tensor:
    found: Tensor = torch.ops.aten.convolution(*way.rounded(x, weight), None, *way.geometry)
    return found.to(x.dtype)


def _backward(g: Tensor, x: Tensor, weight: Tensor, needs: Sequence[bool], way: _Way) -> list[Any]:
    """Return the gradients in ``x`` and in ``weight``; where one is not needed, there is None."""
    found = torch.ops.aten.convolution_backward(*way.rounded(g, x, weight), None, *way.geometry, [*needs, False])
    return [each if each is None else each.to(g.dtype) for each in found[:2]]


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, way: _Way) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.way = way
        return _forward(x, weight, way)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return *applied(_Gradient, channels_last(g), x, weight, ctx.needs_input_grad[:2], ctx.way), None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, weight: Tensor, needs: tuple[bool, bool], way: _Way
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(g, x, weight)
        ctx.set_materialize_grads(False)
        ctx.way = way
        return tuple(_backward(g, x, weight, needs, way))

    @staticmethod
    def backward(ctx: Any, to_x: Tensor | None, to_weight: Tensor | None) -> tuple[Tensor | None, ...]:
        """With h of the gradient in x and v of that in the weight: conv(h, weight) + conv(x, v), and crosswise."""
        refuse_third_derivative()
        g, x, weight = ctx.saved_tensors
        for_g = for_x = for_weight = None
        if to_x is not None:
            to_x = channels_last(to_x)
            for_g = _forward(to_x, weight, ctx.way)
            for_weight = _backward(g, to_x, weight, (False, True), ctx.way)[1]
        if to_weight is not None:
            to_weight = channels_last(to_weight)
            along = _forward(x, to_weight, ctx.way)
            for_g = along if for_g is None else for_g.add_(along)
            if ctx.needs_input_grad[1]:
                for_x = _backward(g, x, to_weight, (True, False), ctx.way)[0]
        return for_g, for_x, for_weight, None, None
