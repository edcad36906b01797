"""Episodes of one shape as one: what engine ``vmap`` maps over, and how a map over them is computed."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields
from typing import TypeVar

import torch
from torch import Tensor

from phiforge.learning.engines.vmap.graph_capture import recorded
from phiforge.learning.learners.bases.learner import Learner
from phiforge.tasks.episodes import Episode

Found = TypeVar("Found")


def mapped(learner: Learner, use: Hashable, compute: Callable[..., Found], *inputs: object) -> Found:
    """Return ``compute(*inputs)``, a map by a learner; on a GPU by a recording, if the learner may be recorded.

    ``use`` names all that decides what is computed, beside the learner and the shapes and types of the inputs, which
    are nests of tensors, as is what is returned.
    """
    if not learner.capturable:
        return compute(*inputs)
    found: Found = recorded((learner.config.model_dump_json(), learner.shape, use), compute, *inputs)
    return found


def stacked(episodes: Sequence[Episode]) -> tuple[Tensor, ...]:
    """Return the fields of ``Episode`` in order, each with a first dimension of episodes."""
    return tuple(torch.stack([getattr(episode, field.name) for episode in episodes]) for field in fields(Episode))
