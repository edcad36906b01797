"""One block of Conv-4 (convolution, normalisation, ReLU, 2x2 max-pooling) by the fused kernels."""

from collections.abc import Mapping

from torch import Tensor

from phiforge.learning.engines.fused.block import normalised_pooled
from phiforge.learning.engines.fused.convolution import convolve
from phiforge.learning.engines.fused.example_block import group_normalised_pooled, scaled_pooled
from phiforge.learning.engines.fused.first_block import first_block
from phiforge.learning.networks.bases.normalisation import (
    Norm,
    Pass,
    groups_of,
    keeps_statistics,
    normalises_by_set,
    note,
    scale_and_shift,
)


def conv_block(kind: Norm, x: Tensor, parameters: Mapping[str, Tensor], block: int, at: Pass) -> Tensor:
    """Map ``x`` [n, channels, height, width] to [n, filters, height // 2, width // 2].

    The normalisation is by the set at hand, of each image by itself, or none; not by averages.
    """
    filters = parameters[f"conv{block}.weight"]
    weight, bias = scale_and_shift(kind, parameters, f"norm{block}", at)
    if not normalises_by_set(kind, at):
        return _by_example(kind, convolve(x, filters), parameters[f"conv{block}.bias"], weight, bias)
    if x.shape[1] == 1 and not x.requires_grad and not keeps_statistics(kind):
        return first_block(x, filters, weight, bias)
    z = convolve(x, filters)
    note(kind, at, f"norm{block}", z)
    return normalised_pooled(z, weight, bias)


def _by_example(kind: Norm, z: Tensor, inner: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    groups = groups_of(kind)
    if groups is None:
        return scaled_pooled(z, inner, weight, bias)
    return group_normalised_pooled(z, inner, weight, bias, groups)
