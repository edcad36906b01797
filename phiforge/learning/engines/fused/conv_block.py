"""One block of Conv-4 (convolution, normalisation by the set at hand, ReLU, 2x2 max-pooling) by the fused kernels."""

from collections.abc import Mapping

from torch import Tensor

from phiforge.learning.engines.fused.block import normalised_pooled
from phiforge.learning.engines.fused.convolution import convolve
from phiforge.learning.engines.fused.first_block import first_block
from phiforge.learning.networks.bases.normalisation import Pass, keeps_statistics, note, scale_and_shift
from phiforge.spec.norms import Norm


def conv_block(kind: Norm, x: Tensor, parameters: Mapping[str, Tensor], block: int, at: Pass) -> Tensor:
    """Map ``x`` [n, channels, height, width] to [n, filters, height // 2, width // 2]."""
    filters = parameters[f"conv{block}.weight"]
    weight, bias = scale_and_shift(kind, parameters, f"norm{block}", at)
    if x.shape[1] == 1 and not x.requires_grad and not keeps_statistics(kind):
        return first_block(x, filters, weight, bias)
    z = convolve(x, filters)
    note(kind, at, f"norm{block}", z)
    return normalised_pooled(z, weight, bias)
