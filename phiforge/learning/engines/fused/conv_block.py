"""One block of Conv-4 (convolution, normalisation, ReLU, 2x2 max-pooling) by the fused kernels."""

from collections.abc import Mapping
from functools import partial

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
    kind: Norm, x: Tensor, parameters: Mapping[str, Tensor], block: int, at: Pass, bfloat16: bool = False
) -> Tensor:
    """Map ``x`` [n, channels, height, width] to [n, filters, height // 2, width // 2].

    The normalisation is by the set at hand, of each image by itself, or none; not by averages. In ``bfloat16`` the
    convolutions multiply in it, but for that of grey images, most of which is not multiplication.
    """
    convolved = partial(convolve, weight=parameters[f"conv{block}.weight"], bfloat16=bfloat16)
    filters = parameters[f"conv{block}.weight"]
    weight, bias = scale_and_shift(kind, parameters, f"norm{block}", at)
    grey = x.shape[1] == 1 and not x.requires_grad
    if not normalises_by_set(kind, at):
        rows = parameters[f"conv{block}.bias"], weight, bias
        return _grey_by_example(kind, x, filters, rows) if grey else _by_example(kind, convolved(x), rows)
    if grey and not keeps_statistics(kind):
        return first_block(x, filters, weight, bias)
    z = convolved(x)
    note(kind, at, f"norm{block}", z)
    return normalised_pooled(z, weight, bias)


def _by_example(kind: Norm, z: Tensor, rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """As ``conv_block``, of a map; ``rows`` are the convolution's bias and the normalisation's weight and bias."""
    groups = groups_of(kind)
    return scaled_pooled(z, *rows) if groups is None else group_normalised_pooled(z, *rows, groups)


def _grey_by_example(kind: Norm, x: Tensor, filters: Tensor, rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    groups = groups_of(kind)
    if groups is None:
        return scaled_first_block(x, filters, *rows)
    return group_normalised_first_block(x, filters, *rows, groups)
