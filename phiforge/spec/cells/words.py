"""A cell in words: what each node is made of."""

from collections.abc import Mapping

from phiforge.spec.cells.edges import edges_into, edges_of


def equations(edges: Mapping[str, str]) -> list[str]:
    """Return a line for each node but the first: the sum of what its edges bring to it.

    Args:
        edges: the operation of every edge of a cell, by name.

    Example::

        equations({"0-1": "conv3x3", "0-2": "skip", "1-2": "none"})   # ["node 1 = conv3x3(0)", "node 2 = skip(0)"]
    """
    nodes = next(nodes for nodes in range(2, len(edges) + 3) if len(edges_of(nodes)) >= len(edges))
    return [f"node {node} = {_sum(edges, node)}" for node in range(1, nodes)]


def _sum(edges: Mapping[str, str], node: int) -> str:
    terms = [f"{edges[edge]}({source})" for source, edge in edges_into(node) if edges[edge] != "none"]
    return " + ".join(terms) or "0"
