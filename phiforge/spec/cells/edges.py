"""The edges of a cell and the operations that may stand on one, as in NAS-Bench-201 (Dong and Yang 2020, figure 1)."""

from collections.abc import Mapping
from typing import Literal, get_args

Operation = Literal["none", "skip", "conv1x1", "conv3x3", "pool3x3"]
"""``none`` gives zeros and ``skip`` what it is given. ``conv1x1`` and ``conv3x3`` are ReLU, convolution and
normalisation; ``pool3x3`` is the mean of the 3x3 places around each that are in the image."""

OPERATIONS: tuple[Operation, ...] = get_args(Operation)

KERNELS: Mapping[Operation, int] = {"conv1x1": 1, "conv3x3": 3}
"""The sides of the kernels of operations that have one."""

Edges = Mapping[str, Operation]
"""The operation of every edge of a cell, by the edge's name, in the order of ``edges_of``."""


def edges_of(nodes: int) -> list[str]:
    """Return the edges of a cell of so many nodes, each named by where it comes from and goes to: ``0-1``, ``0-2``, ...

    There is one from each node to each later one, in order of where they go to.

    Example::

        edges_of(3)   # ["0-1", "0-2", "1-2"]
    """
    return [f"{source}-{target}" for target in range(1, nodes) for source in range(target)]


def edges_into(node: int) -> list[tuple[int, str]]:
    """Return the edges that end at a node, each with the node that it comes from."""
    return [(source, f"{source}-{node}") for source in range(node)]


def live_edges(edges: Edges) -> list[str]:
    """Return the edges that the last node of a cell hears of: not ``none``, nor before nothing but ``none``.

    Example::

        live_edges({"0-1": "conv3x3", "0-2": "skip", "1-2": "none"})   # ["0-2"]
    """
    last = max(int(edge.split("-")[1]) for edge in edges)
    reached, live = {last}, list[str]()
    for edge in reversed(edges_of(last + 1)):  # those into later nodes first
        source, target = map(int, edge.split("-"))
        if target in reached and edges[edge] != "none":
            reached.add(source)
            live.append(edge)
    return live[::-1]
