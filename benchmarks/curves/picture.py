"""The curves as small multiples: a column for each thing that is varied, a row for each cost."""

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib as mpl

from benchmarks.curves.axes import MAML
from benchmarks.curves.measure import Curve, Measured

COSTS: dict[str, Callable[[Measured], float]] = {
    "CPU, ms a job": lambda each: each.cpu,
    "memory by the job, MB": lambda each: each.memory / 1e6,
    "moved, kB a job": lambda each: each.moved.total / 1e3,
}
COLOURS, OTHER = {MAML: "C0"}, "C1"


def draw(curves: Sequence[Curve], path: Path) -> None:
    """Write a PNG of every curve, with the straight line through its ends dashed."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    columns = [list(group) for _, group in groupby(curves, key=lambda each: each.axis.name)]
    size = (2.6 * len(columns), 2.3 * len(COSTS))
    figure, panels = plt.subplots(len(COSTS), len(columns), figsize=size, squeeze=False, layout="constrained")
    for column, group in enumerate(columns):
        for row, (name, cost) in enumerate(COSTS.items()):
            panel = panels[row][column]
            for curve in group:
                x, y = [each.work for each in curve.measured], [cost(each) for each in curve.measured]
                colour = COLOURS.get(curve.learner, OTHER)
                panel.plot((x[0], x[-1]), (y[0], y[-1]), linestyle="--", linewidth=0.8, color=colour)
                panel.plot(x, y, marker="o", markersize=3, linewidth=1.2, color=colour, label=curve.learner)
            panel.set_ylim(0, 1.1 * max(cost(each) for curve in group for each in curve.measured))
            panel.set_xlim(left=0)
            panel.grid(alpha=0.3)
            panel.tick_params(labelsize=7)
            if not row:
                panel.set_title(group[0].axis.title, fontsize=9)
            if row == len(COSTS) - 1:
                panel.set_xlabel(group[0].axis.unit, fontsize=8)
            if not column:
                panel.set_ylabel(name, fontsize=8)
    panels[0][0].legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
