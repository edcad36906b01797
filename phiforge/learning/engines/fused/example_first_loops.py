"""The loops of the first block over images that have filters and shifts of their own: see ``example_first_block``.

``x`` [n, height + 2, width + 2] as in ``first_block_loops``; weights [n, 9, channels], shifts [n, channels].
"""

from phiforge.learning.engines.fused.compiled import Array, compiled
from phiforge.learning.engines.fused.first_block_loops import first_backward, first_forward, first_replay, patch_moments


@compiled
def patch_moments_of_each(x: Array, mean: Array, covariance: Array) -> None:
    """Fill ``mean`` [n, 9] and ``covariance`` [n, 9, 9] of the 3x3 patches of each image."""
    for n in range(x.shape[0]):
        patch_moments(x[n : n + 1], mean[n], covariance[n])


@compiled
def forward_of_each(x: Array, weight: Array, shift: Array, y: Array, chosen: Array) -> None:
    """Fill ``y`` = relu(max_pool(conv(x) + shift)), ``chosen``."""
    for n in range(x.shape[0]):
        first_forward(x[n : n + 1], weight[n], shift[n], y[n : n + 1], chosen[n : n + 1])


@compiled
def replay_of_each(x: Array, weight: Array, shift: Array, chosen: Array, y: Array) -> None:
    """Fill ``y`` = conv(x) + shift at the positions chosen before, 0 where off."""
    for n in range(x.shape[0]):
        first_replay(x[n : n + 1], weight[n], shift[n], chosen[n : n + 1], y[n : n + 1])


@compiled
def backward_of_each(x: Array, g: Array, chosen: Array, to_weight: Array, to_shift: Array) -> None:
    """Fill ``to_weight`` = Σ g · patch and ``to_shift`` = Σ g of each image, at the positions chosen."""
    for n in range(x.shape[0]):
        first_backward(x[n : n + 1], g[n : n + 1], chosen[n : n + 1], to_weight[n], to_shift[n])
