"""DropBlock: squares of feature maps are dropped in meta-training.

Ghiasi, Lin and Le 2018, "DropBlock: A regularization method for convolutional networks", algorithm 1.
"""

import torch.nn.functional as F
from torch import Tensor

from phiforge.learning.networks.bases.normalisation import Pass


def drop_blocks(x: Tensor, at: Pass, layer: str, keep_rate: float, block: int) -> Tensor:
    """Return maps ``x`` [n, channels, height, width] without some squares, scaled up as much; outside training ``x``.

    Args:
        x: the maps.
        at: the pass, whose ``draws`` name what is drawn; None: nothing is dropped.
        layer: names the layer.
        keep_rate: about what share of the places stays at the end of the run; it falls to that evenly from 1.
        block: the side of a square in places, at most that of the map; 1 is dropout of single places.
    """
    if at.draws is None or keep_rate == 1:
        return x
    dropped = (1 - keep_rate) * at.draws.progress
    height, width = x.shape[2:]
    block = min(block, height, width)
    rows, columns = height - block + 1, width - block + 1
    rate = dropped * height * width / (block**2 * rows * columns)
    centres = (at.draws.uniform((*x.shape[:2], rows, columns), at.step, layer) < rate).to(x)
    kept = 1 - F.max_pool2d(F.pad(centres, [block - 1] * 4), block, stride=1)
    return x * kept * (kept.numel() / kept.sum().clamp(min=1))
