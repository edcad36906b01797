"""Episodes of one shape as one: what engine ``vmap`` maps over."""

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from phiforge.episodes import Episode


def stacked(episodes: Sequence[Episode]) -> tuple[Tensor, ...]:
    """Return the fields of ``Episode`` in order, each with a first dimension of episodes."""
    return tuple(torch.stack([getattr(episode, field.name) for episode in episodes]) for field in fields(Episode))
