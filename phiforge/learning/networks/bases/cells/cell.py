"""One cell: a graph of feature maps, of operations that were chosen or of a weighted sum of all of them."""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.cells.operations import init_operation, operate
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.edges import OPERATIONS, Edges, edges_into, edges_of

Weights = Edges | Tensor
"""What stands on the edges of a cell: one operation each, or weights [edges, operations] of all operations.

Rows are in the order of ``edges_of``, columns in that of ``OPERATIONS``.
"""


class Cell(NamedTuple):
    """A cell of ``nodes`` nodes and ``channels`` maps at the place ``name`` of a network."""

    name: str
    nodes: int
    channels: int

    def init(self, weights: Edges | None, generator: Generator, layers: Layers) -> Tensors:
        """Return fresh parameters of the operations on its edges; None: of all operations on each."""
        found: Tensors = {}
        for edge in edges_of(self.nodes):
            for operation in OPERATIONS if weights is None else (weights[edge],):
                found |= init_operation(operation, f"{self.name}.{edge}", self.channels, generator, layers)
        return found

    def run(self, x: Tensor, parameters: Mapping[str, Tensor], weights: Weights, at: Pass, layers: Layers) -> Tensor:
        """Return the last node of the cell, whose first is ``x``.

        x_j = Σ_{i < j} o_ij(x_i) (Dong and Yang 2020, section 2.1); of weights w, as in DARTS (Liu et al. 2019,
        equation 2), o_ij(x) = Σ_o w_ij,o o(x). One operation an edge is the case of weights 0 and 1, and the others are
        not computed then. What is ``none`` is computed nowhere: it adds nothing.

        Args:
            x: maps [n, channels, height, width].
            parameters: those that ``init`` returns, and maybe others.
            weights: an operation for each edge, or weights [edges, operations]; gradients go through them.
            at: the pass.
            layers: how layers are computed.
        """
        states = [x]
        for node in range(1, self.nodes):
            terms = [
                term
                for source, edge in edges_into(node)
                for term in self._terms(edge, states[source], parameters, weights, at, layers)
            ]
            states.append(reduce(torch.add, terms) if terms else torch.zeros_like(x))
        return states[-1]

    def _terms(
        self, edge: str, x: Tensor, parameters: Mapping[str, Tensor], weights: Weights, at: Pass, layers: Layers
    ) -> Iterator[Tensor]:
        """Yield what an edge adds to the node that it goes to."""
        place = f"{self.name}.{edge}"
        if not isinstance(weights, Tensor):
            if weights[edge] != "none":
                yield operate(weights[edge], x, parameters, place, at, layers)
            return
        row = weights[edges_of(self.nodes).index(edge)]
        for weight, operation in zip(row.unbind(), OPERATIONS, strict=True):
            if operation != "none":
                yield weight * operate(operation, x, parameters, place, at, layers)
