"""The curves as one picture: a panel for each dataset, answer so far against tasks, with intervals over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.hyperparameters.curves import Curve
from phiforge.learning.statistics import estimate

Curves = Mapping[str, Mapping[str, Sequence[Curve]]]
"""By dataset and way, a curve for each seed."""


def draw(curves: Curves, marks: Sequence[int], path: Path) -> None:
    """Write a PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(curves), figsize=(5.2 * len(curves), 4.2), squeeze=False, layout="constrained")
    for panel, (dataset, ways) in zip(panels[0], curves.items(), strict=True):
        for place, (name, seeds) in enumerate(ways.items()):
            found = [estimate(each) for each in np.transpose([curve.accuracy for curve in seeds])]
            means, halves = (100 * np.array([getattr(each, part) for each in found]) for part in ("mean", "ci95"))
            style = "-" if "study" not in name else "--"
            panel.plot(marks, means, style, color=f"C{place}", marker="o", markersize=3, label=name)
            panel.fill_between(marks, means - halves, means + halves, color=f"C{place}", alpha=0.12, linewidth=0)
        panel.set_title(dataset)
        panel.set_xlabel("training tasks, all tries and trials together")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("validation accuracy of the answer so far, %")
    panels[0][-1].legend(fontsize=8, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
