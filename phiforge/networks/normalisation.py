"""Normalisation of feature maps, as a choice."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

Norm = Literal["batch", "layer", "group", "none"]
GROUPS = 8


def normalise(kind: Norm, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Normalise ``x`` [n, channels, height, width], then scale and shift by ``weight``, ``bias`` [channels].

    ``batch`` uses the statistics of the set at hand (Ioffe and Szegedy 2015, in its training form, always), so the
    prediction for one query depends on the other queries: it is transductive. ``layer`` (Ba et al. 2016, over channels
    and space) and ``group`` (Wu and He 2018, groups of channels) look at one example only. ``none`` scales and shifts.
    """
    if kind == "batch":
        return F.batch_norm(x, None, None, weight, bias, training=True)
    if kind == "none":
        return x * weight[:, None, None] + bias[:, None, None]
    return F.group_norm(x, 1 if kind == "layer" else GROUPS, weight, bias)


def is_transductive(kind: Norm) -> bool:
    """Say whether a query's prediction depends on the other queries of its set."""
    return kind == "batch"
