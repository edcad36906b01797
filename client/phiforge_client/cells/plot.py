"""Cells as a picture: nodes from left to right, and an arrow for each operation between them."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = {"skip": "tab:gray", "conv1x1": "tab:orange", "conv3x3": "tab:blue", "pool3x3": "tab:green"}
_BEND = 0.35
"""How far an arrow bows for each node that it passes."""
_WIDE, _HIGH = 1.9, 2.2
"""Inches a node, and of a cell."""


def plot_cells(cells: Mapping[str, Mapping[str, str]], title: str, path: Path) -> None:
    """Write a PNG of cells, one beneath the other.

    Args:
        cells: of each kind the operation of every edge by name; what is ``none`` is not drawn.
        title: stands above.
        path: the file.
    """
    most = max(map(_nodes, cells.values()))
    figure = Figure(figsize=(_WIDE * most + 1, _HIGH * len(cells) + 0.4), layout="constrained")
    rows = figure.subplots(len(cells), squeeze=False)[:, 0]
    for axes, (kind, edges) in zip(rows, cells.items(), strict=True):
        _plot(edges, axes)
        axes.set_title(f"{kind} cell", fontsize="medium", loc="left")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)


def _plot(edges: Mapping[str, str], axes: Axes) -> None:
    last = _nodes(edges) - 1
    for edge, operation in edges.items():
        source, target = map(int, edge.split("-"))
        if operation != "none":
            _arrow(axes, source, target, operation)
    for node in range(last + 1):
        name = {0: "in", last: "out"}.get(node, str(node))
        style = {"boxstyle": "circle", "facecolor": "white", "edgecolor": "black"}
        axes.text(node, 0, name, ha="center", va="center", bbox=style)
    axes.set_xlim(-0.3, last + 0.3)
    axes.set_ylim(-0.25, 0.25 + 0.5 * _BEND * last)
    axes.set_aspect("equal")  # how far an arrow bows is told on the screen
    axes.axis("off")


def _arrow(axes: Axes, source: int, target: int, operation: str) -> None:
    """Draw an arrow between nodes, straight to the next and bowed over those between, with its operation above."""
    passed, colour = target - source - 1, _COLOURS.get(operation, "black")
    bend = -_BEND * passed / (target - source)
    shape = {"arrowstyle": "-|>", "color": colour, "connectionstyle": f"arc3,rad={bend}", "shrinkA": 14, "shrinkB": 14}
    axes.annotate("", (target, 0), (source, 0), arrowprops=shape)
    height = 0.5 * _BEND * passed
    axes.text((source + target) / 2, height + 0.04, operation, ha="center", va="bottom", color=colour, fontsize="small")


def _nodes(edges: Mapping[str, str]) -> int:
    return 1 + max(int(edge.split("-")[1]) for edge in edges)
