"""Episodes of one shape as one: what engine ``vmap`` maps over, and how a map over them is computed."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields
from typing import TypeVar

import torch
from torch import Tensor

from phiforge.learning.engines.vmap.graph_capture import captured
from phiforge.learning.learners.bases.learner import Learner
from phiforge.tasks.episodes import Episode

Mapped = TypeVar("Mapped")


def mapped(learner: Learner, use: Hashable, compute: Callable[..., Mapped], *inputs: object) -> Mapped:
    """Return ``compute(*inputs)``, a map by a learner; on a GPU by a captured graph, if the learner allows it.

    Args:
        learner: whose map it is.
        use: names all that decides what is computed, beside the learner and the shapes and types of the inputs.
        compute: a pure function of tensors.
        inputs: nests of tensors, as is what is returned.
    """
    if not learner.capturable:
        return compute(*inputs)
    found: Mapped = captured((learner.config.model_dump_json(), learner.shape, use), compute, *inputs)
    return found


def stacked(episodes: Sequence[Episode]) -> tuple[Tensor, ...]:
    """Return the fields of ``Episode`` in order, each with a first dimension of episodes."""
    return tuple(torch.stack([getattr(episode, field.name) for episode in episodes]) for field in fields(Episode))
