"""Accuracy against minutes and against tasks, one colour a method."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.time_to_accuracy.curve import Curve, Point
from benchmarks.time_to_accuracy.methods import MARKS, METHODS

AXES: dict[str, Callable[[Point], float]] = {
    "minutes of training": lambda point: point.minutes,
    "tasks seen": lambda point: point.tasks,
}
LOWEST = 0.8
"""Where the picture begins: what lies below it is over in seconds."""


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Write a PNG of every curve; seeds of one method share its colour."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(AXES), figsize=(9, 3.6), sharey=True, layout="constrained")
    for panel, (name, of) in zip(panels, AXES.items(), strict=True):
        for method in METHODS.values():
            mine = [curve for curve in curves if curve.method == method.name]
            for number, curve in enumerate(mine):
                x, y = [of(point) for point in curve.points], [100 * point.accuracy for point in curve.points]
                label = None if number else method.title
                panel.plot(x, y, color=method.colour, linewidth=1.3, marker="o", markersize=2.5, label=label)
        for mark in MARKS:
            panel.axhline(100 * mark, color="0.5", linewidth=0.8, linestyle="--")
        panel.set_ylim(100 * LOWEST, 100)
        panel.set_xlim(left=0)
        panel.grid(alpha=0.3)
        panel.set_xlabel(name)
    panels[0].set_ylabel("validation accuracy, %")
    panels[0].legend(fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
