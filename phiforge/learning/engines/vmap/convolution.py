"""Convolution and pooling of maps that lie by channels: one product of matrices, and so are all derivatives.

Where each episode has weights of its own, torch makes of F.conv2d a grouped convolution, which GPUs are slow at.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

SIDE = 3
"""Of every kernel; inputs are padded by one."""


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return F.conv2d(x, weight, bias, stride, padding=1) of ``x`` [n, inputs, height, width].

    ``weight`` is [outputs, inputs, 3, 3]. What a stride leaves out is computed all the same. May stand in function
    transforms and be differentiated any number of times. Where torch would multiply in a narrower type by itself, this
    does too.
    """
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x, weight = (each.to(torch.get_autocast_dtype(kind)) for each in (x, weight))
    found = _applied(_Convolution, x, weight)[..., ::stride, ::stride]
    return found if bias is None else found + bias.to(found.dtype)[:, None, None]


def pool(x: Tensor, ceil_mode: bool = False) -> Tensor:
    """Return F.max_pool2d(x, 2, ceil_mode=ceil_mode), without moving maps that lie by channels, as convolve's do."""
    return F.max_pool2d(x.transpose(0, 1), 2, ceil_mode=ceil_mode).transpose(0, 1)


class _OfTwo(Function):
    """An operation of two tensors that its derivatives need."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep them."""
        ctx.save_for_backward(*inputs)


class _Convolution(_OfTwo):
    """y = w * x. With z = ∂l/∂y, Σ zy is linear in each of z, w and x, and so its derivatives are two sums in turn."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor) -> Tensor:
        """Return y: its maps lie in memory by channels, then images, as the product gives them."""
        images, _, height, width = x.shape
        product = weight.permute(0, 2, 3, 1).flatten(1) @ _patches(x)
        return product.reshape(-1, images, height, width).transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, z: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return ∂l/∂x and ∂l/∂w."""
        x, weight = ctx.saved_tensors
        of_x, of_weight = ctx.needs_input_grad
        return _back(z, weight) if of_x else None, _applied(_Correlation, x, z) if of_weight else None


class _Correlation(_OfTwo):
    """∂l/∂w [outputs, inputs, 3, 3] of x and z: how far each patch of x goes with z."""

    @staticmethod
    def forward(x: Tensor, z: Tensor) -> Tensor:
        """Return the sum over images and places."""
        product = z.transpose(0, 1).flatten(1) @ _patches(x).mT
        return product.reshape(-1, SIDE, SIDE, x.shape[1]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, v: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the derivatives in x and z: ``v`` takes the place of the weight."""
        x, z = ctx.saved_tensors
        of_x, of_z = ctx.needs_input_grad
        return _back(z, v) if of_x else None, _applied(_Convolution, x, v) if of_z else None


def _back(z: Tensor, weight: Tensor) -> Tensor:
    """Return ∂l/∂x: z convolved with the weight turned round, inputs for outputs."""
    return _applied(_Convolution, z, weight.flip(2, 3).transpose(0, 1))


def _applied(operation: type[Function], *arguments: Tensor) -> Tensor:
    found: Tensor = operation.apply(*arguments)  # type: ignore[no-untyped-call]
    return found


def _patches(x: Tensor) -> Tensor:
    """Return the patch around each place of each image as a column: [9 · inputs, n · height · width]."""
    padded = F.pad(x.transpose(0, 1), (1, 1, 1, 1))
    return padded.unfold(2, SIDE, 1).unfold(3, SIDE, 1).permute(4, 5, 0, 1, 2, 3).flatten(3).flatten(0, 2)
