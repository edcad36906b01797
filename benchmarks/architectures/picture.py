"""The curves of regret as a picture."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.architectures.figures import Curves, quartiles

_INCHES = (7.5, 4.5)


def draw(curves: Curves, path: Path) -> None:
    """Write a PNG: of each search the median regret over evaluations, and its quartiles as a band."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    for name, regrets in curves.items():
        low, middle, high = 100 * quartiles(regrets)
        evaluations = np.arange(1, regrets.shape[1] + 1)
        [line] = axes.step(evaluations, middle, where="post", label=name)
        axes.fill_between(evaluations, low, high, step="post", alpha=0.15, color=line.get_color(), linewidth=0)
    axes.set_xlabel("evaluations")
    axes.set_ylabel("regret in test accuracy, points")
    axes.set_ylim(bottom=0)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110)
