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
    """Return ``parameters`` with logits 0 for the likeliest operation of each edge and -inf for all others."""
    return {name: _one_hot(value) if is_architecture(name) else value for name, value in parameters.items()}


def _one_hot(logits: Tensor) -> Tensor:
    best = logits.argmax(dim=-1, keepdim=True)
    others = torch.arange(logits.shape[-1], device=logits.device) != best
    return torch.zeros_like(logits).masked_fill(others, -torch.inf)
