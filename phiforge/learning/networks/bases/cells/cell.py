"""One cell: a graph of feature maps, of operations that were chosen or of a weighted sum of all of them."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.cells.operations import init_operation, operate
from phiforge.learning.networks.bases.normalisation import Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.cells.edges import OPERATIONS, Edges, Operation, edges_into, edges_of, live_edges

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
        equation 2), o_ij(x) = Σ_o w_ij,o o(x). One operation an edge is the case of weights 0 and 1, in which what has
        no weight is not computed, nor what nothing comes after. A node that nothing leads to is zero.

        Args:
            x: maps [n, channels, height, width].
            parameters: those that ``init`` returns, and maybe others.
            weights: an operation for each edge, or weights [edges, operations]; gradients go through them.
            at: the pass.
            layers: how layers are computed.
        """
        on_edges, states = self._on_edges(weights), {0: x}
        for node in range(1, self.nodes):
            terms = [
                term if weight is None else weight * term
                for source, edge in edges_into(node)
                for operation, weight in on_edges.get(edge, ())
                for term in [operate(operation, states[source], parameters, f"{self.name}.{edge}", at, layers)]
            ]
            states[node] = reduce(torch.add, terms) if terms else 0 * x  # not zeros: all stays differentiable
        return states[self.nodes - 1]

    def _on_edges(self, weights: Weights) -> Mapping[str, Sequence[tuple[Operation, Tensor | None]]]:
        """Return which operations are computed on each edge, with their weight unless it is 1."""
        if not isinstance(weights, Tensor):
            return {edge: [(weights[edge], None)] for edge in live_edges(weights)}
        rows = zip(edges_of(self.nodes), weights.unbind(), strict=True)
        return {
            edge: [each for each in zip(OPERATIONS, row.unbind(), strict=True) if each[0] != "none"]
            for edge, row in rows
        }
