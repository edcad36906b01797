"""Networks whose architecture is among their parameters: operations mixed by a softmax of logits (DARTS' relaxation).

Liu, Simonyan and Yang 2019, "DARTS: Differentiable Architecture Search", equation 2: an edge computes
Σ_o exp(α_o) / Σ_o' exp(α_o') · o(x), where x is what the edge is given and o the operations.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from phiforge.learning.networks.bases.network import Network
from phiforge.learning.tensors import Tensors

ARCHITECTURE = "architecture."
"""Begins the names of the logits α among the parameters: one tensor [edges, operations] for each type of cell."""
Choices = Mapping[str, Tensor]
"""Of each tensor of logits, by name, the place [edges] of one operation of each edge."""
_NEVER = -1e9
"""A logit beside 0 whose softmax is 0 to the bit, and with which an inner loop can still compute, unlike with -inf."""


class RelaxedNetwork(Network):
    """A network with parameters ``architecture.TYPE`` [edges, operations] beside the weights of every operation."""

    relaxed = True
    operations: tuple[str, ...]
    """The operations that are mixed, in order of the logits' columns."""
    edges: tuple[str, ...]
    """The edges of a cell, in order of the logits' rows."""

    @abstractmethod
    def discrete(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return the network, as a spec names it, that has one operation on each edge.

        Args:
            chosen: for each type of cell, the operations of its edges in order.
        """


def is_architecture(name: str) -> bool:
    """Say whether a parameter holds logits of operations."""
    return name.startswith(ARCHITECTURE)


def sharpened(parameters: Mapping[str, Tensor], temperature: float) -> Tensors:
    """Return ``parameters`` with logits α / τ: the smaller the temperature τ, the nearer to one operation an edge."""
    if temperature == 1:
        return dict(parameters)
    return {name: value / temperature if is_architecture(name) else value for name, value in parameters.items()}


def hardened(parameters: Mapping[str, Tensor]) -> Tensors:
    """Return ``parameters`` with logits that leave the likeliest operation of each edge alone."""
    best = {name: value.argmax(dim=-1) for name, value in parameters.items() if is_architecture(name)}
    return {**parameters, **certain(parameters, best)}


def certain(parameters: Mapping[str, Tensor], choices: Choices) -> Tensors:
    """Return logits by which the chosen operations have weight 1 and all others 0, to the bit, at any temperature.

    Args:
        parameters: those that there are, from which their types are taken.
        choices: what was chosen.
    """
    return {name: _certain(parameters[name], places) for name, places in choices.items()}


def chosen(weights: Tensor) -> list[int] | None:
    """Return the place of the operation of each edge, if each has one with weight 1 and others with 0; else None."""
    rows: list[list[float]] = weights.tolist()
    places = [row.index(1.0) for row in rows if 1.0 in row and row.count(0.0) == len(row) - 1]
    return places if len(places) == len(rows) else None


def _certain(logits: Tensor, places: Tensor) -> Tensor:
    others = torch.arange(logits.shape[-1], device=logits.device) != places[:, None]
    return torch.zeros_like(logits).masked_fill(others, _NEVER)
