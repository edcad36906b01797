"""Batch normalisation, max-pooling or none, and ReLU in one pass over the map, with its first and second derivatives.

With x̂ = (z - mean) * rate, rate = 1 / sqrt(variance + ε), N positions a channel, and G the incoming gradient where it
was chosen and 0 elsewhere (Ioffe and Szegedy 2015, section 3):

    ∂/∂z = weight * rate * (G - ΣG / N - x̂ ΣGx̂ / N),    ∂/∂weight = ΣGx̂,    ∂/∂bias = ΣG.

The second derivative is that of these three, worked out by hand: a gradient of them is again sums over channels, and
then one pass. The choice of the maximum and of ReLU counts as constant, as it does in torch.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from phiforge.learning.engines.fused import block_loops as loops
from phiforge.learning.engines.fused.compiled import Array
from phiforge.learning.engines.fused.operation import (
    applied,
    as_map,
    as_rows,
    channels_last,
    empty_map,
    refuse_third_derivative,
)

EPSILON = 1e-5


def normalised_pooled(z: Tensor, weight: Tensor, bias: Tensor, side: int = 2) -> Tensor:
    """Return relu(max_pool2d(batch_norm(z), side)); differentiable twice.

    Args:
        z: a map [n, channels, height, width].
        weight: [channels].
        bias: as ``weight``.
        side: of the windows: 2, or 1 for no pooling.
    """
    found: Tensor = applied(_Block, channels_last(z), weight, bias, side)
    return found


def _sums(rows: int, channels: int) -> tuple[Tensor, list[Array]]:
    found = torch.empty(rows, channels, dtype=torch.float64)
    return found, list(found.numpy())


class _Block(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, side: int) -> Tensor:
        images, channels, height, width = z.shape
        y = empty_map(images, channels, height // side, width // side, z.dtype)
        chosen = empty_map(images, channels, height // side, width // side, torch.uint8)
        statistics, (mean, variance) = _sums(2, channels)
        loops.moments(as_map(z), mean, variance)
        rate = (statistics[1] + EPSILON).rsqrt()
        scale = weight.double() * rate
        shift = bias.double() - statistics[0] * scale
        forward = loops.rectified if side == 1 else loops.forward
        forward(as_map(z), as_rows(scale, z), as_rows(shift, z), as_map(y), as_map(chosen))
        ctx.save_for_backward(z, weight, statistics[0], rate, chosen)
        ctx.side = side
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        found: tuple[Tensor, ...] = applied(_Gradient, channels_last(g), *ctx.saved_tensors, ctx.side)
        return *found, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, z: Tensor, weight: Tensor, mean: Tensor, rate: Tensor, chosen: Tensor, side: int
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.side = side
        sums, rows = _sums(2, z.shape[1])
        loops.sums(as_map(g), as_map(chosen), as_map(z), as_rows(mean, z), side, *rows)
        plain, weighted = sums[0], sums[1] * rate
        positions = z.numel() // z.shape[1]
        through = weight.double() * rate
        linear = -through * rate * weighted / positions
        constant = -through * plain / positions - linear * mean
        to_z = torch.empty_like(z)
        factors = as_rows(torch.stack([through, constant, linear]), z)
        loops.spread(as_map(g), as_map(chosen), as_map(z), factors, side, as_map(to_z))
        ctx.save_for_backward(g, z, weight, mean, rate, chosen, plain, weighted)
        return to_z, weighted.to(weight), plain.to(weight)

    @staticmethod
    def backward(
        ctx: Any, h: Tensor | None, to_weight: Tensor | None, to_bias: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        refuse_third_derivative()
        g, z, weight, mean, rate, chosen, plain, weighted = ctx.saved_tensors
        h = torch.zeros_like(z) if h is None else channels_last(h)
        sums, rows = _sums(3, z.shape[1])
        loops.second_sums(as_map(h), as_map(g), as_map(chosen), as_map(z), as_rows(mean, z), ctx.side, *rows)
        h_plain, h_weighted, met = sums[0], sums[1] * rate, sums[2]
        positions, gain = z.numel() // z.shape[1], weight.double() * rate
        along_weight = torch.zeros_like(mean) if to_weight is None else to_weight.double()
        along_bias = torch.zeros_like(mean) if to_bias is None else to_bias.double()

        along = along_weight - gain * h_weighted / positions
        constant = along_bias - gain * h_plain / positions
        slope = met - (h_plain * plain + h_weighted * weighted) / positions
        total = along_weight * plain - gain * (h_plain * weighted + plain * h_weighted) / positions
        matched = along_weight * weighted - 2 * gain * h_weighted * weighted / positions
        linear = -(rate * matched + rate * gain * slope) / positions
        factors = [
            -rate * gain * weighted / positions,
            rate * along,
            -rate * total / positions - linear * rate * mean,
            linear * rate,
            gain,
            constant - along * rate * mean,
            along * rate,
        ]
        to_z, to_g = torch.empty_like(z), torch.empty_like(g)
        maps = as_map(h), as_map(g), as_map(chosen), as_map(z)
        loops.second_spread(*maps, as_rows(torch.stack(factors), z), ctx.side, as_map(to_z), as_map(to_g))
        return to_g, to_z, (rate * slope).to(weight), None, None, None, None
