"""One block of convolution, normalisation, ReLU and 2x2 max-pooling or none, by the fused kernels."""

from collections.abc import Mapping

from torch import Tensor

from phiforge.learning.engines.fused.block import normalised_pooled
from phiforge.learning.engines.fused.convolution import convolve
from phiforge.learning.engines.fused.example_block import group_normalised_pooled, scaled_pooled
from phiforge.learning.engines.fused.example_first_block import group_normalised_first_block, scaled_first_block
from phiforge.learning.engines.fused.first_block import first_block
from phiforge.learning.networks.bases.normalisation import (
    Pass,
    groups_of,
    keeps_statistics,
    normalises_by_set,
    note,
    scale_and_shift,
)
from phiforge.spec.norms import Norm


def conv_block(
    kind: Norm,
    x: Tensor,
    parameters: Mapping[str, Tensor],
    block: int,
    at: Pass,
    side: int = 2,
    stride: int = 1,
    bfloat16: bool = False,
) -> Tensor:
    """Map ``x`` [n, channels, height, width] to maps of all filters, smaller by pooling or by a stride.

    Args:
        kind: the normalisation: by the set at hand, or, where it is pooled, of each image by itself or none.
        x: the map.
        parameters: those of all blocks.
        block: which.
        at: which pass.
        side: of the windows of which maxima are taken: 2, or 1 for no pooling.
        stride: of the convolution.
        bfloat16: whether convolutions multiply in it, but for the first of grey images that are pooled, most of which
            is not multiplication.
    """
    filters = parameters[f"conv{block}.weight"]
    weight, bias = scale_and_shift(kind, parameters, f"norm{block}", at)
    grey = x.shape[1] == 1 and not x.requires_grad and (side, stride) == (2, 1)
    by_set = normalises_by_set(kind, at)
    rows = None if by_set else (parameters[f"conv{block}.bias"], weight, bias)
    if grey and rows:
        return _grey_by_example(kind, x, filters, rows)
    if grey and not keeps_statistics(kind):
        return first_block(x, filters, weight, bias)
    z = convolve(x, filters, stride, bfloat16)
    if rows:
        return _by_example(kind, z, rows)
    note(kind, at, f"norm{block}", z)
    return normalised_pooled(z, weight, bias, side)


def _by_example(kind: Norm, z: Tensor, rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """As ``conv_block``, of a map; ``rows`` are the convolution's bias and the normalisation's weight and bias."""
    groups = groups_of(kind)
    return scaled_pooled(z, *rows) if groups is None else group_normalised_pooled(z, *rows, groups)


def _grey_by_example(kind: Norm, x: Tensor, filters: Tensor, rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    groups = groups_of(kind)
    if groups is None:
        return scaled_first_block(x, filters, *rows)
    return group_normalised_first_block(x, filters, *rows, groups)
