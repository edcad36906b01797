"""Scores shaped by their ranks, so that no outlier decides where φ goes."""

import torch
from torch import Tensor


def centred_ranks(values: Tensor) -> Tensor:
    """Return the ranks of all ``values``, from -1/2 of the smallest to 1/2 of the largest, in their shape.

    Salimans et al. 2017 ("fitness shaping", after Wierstra et al. 2014). Equal values share the mean of
    their ranks, so that a pair that makes no difference makes none.

    Example::

        centred_ranks(torch.tensor([3.0, 1.0, 9.0]))   # [0.0, -0.5, 0.5]
    """
    flat = values.flatten()
    ordered = flat.sort().values
    first, after = (torch.searchsorted(ordered, flat, right=right) for right in (False, True))
    ranks = (first + after - 1).to(torch.float64) / 2
    return (ranks / max(1, values.numel() - 1) - 0.5).reshape(values.shape)
