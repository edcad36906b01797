"""The table and the curves: accuracy by the share of wrong labels, the mean over seeds and their spread."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.label_noise.methods import METHODS, SHARES, Cell
from benchmarks.page import table

READING = """
![accuracy against the share of wrong labels](label-noise.png)

What it says, of a budget this small and of so few seeds:

* ProtoNet loses least of those that are told nothing: a class mean of five forgives one wrong label.
* Meta-Weight-Net is within a point or two of MAML here, which is what it starts as: in 80 versions V has hardly moved,
  and every example still counts for about 1 (the picture). Whether it learns more from more tasks, or at a rate of its
  own (`outer.groups` with the pattern `weighting/*`), was not run.
* Learning to reweight falls least, and is the worst where every label is right: it follows one trusted example of each
  class and gives up much of what the others say. Where most labels are wrong it does what ProtoNet does untold.
* Training on tasks with wrong labels gained nothing at this budget: each method does as well or better trained on right
  ones. R2-D2 at 40 % alone is 0.8 points ahead, less than its two seeds differ by (1.1).

The same test task, 40 % of whose labels are wrong, as each learner with weights sees it in its last step. Above each
example is its weight, 1 being that in a plain mean; red frames are wrong labels, which no learner is told. Left
Meta-Weight-Net, right learning to reweight.

![weights of examples](label-noise-weights.png)"""
Found = Mapping[Cell, Mapping[str, Any]]


def rows(found: Found) -> Iterator[tuple[str, ...]]:
    """Yield a row for each method and share of wrong labels in training: per cent at each share, lowest to highest."""
    for method, noise in kinds(found):
        cells = [_spelled(of_seeds(found, method, noise, share)) for share in SHARES]
        seconds = [found[cell]["training_seconds"] for cell in found if cell[:2] == (method, noise)]
        trained = f"{round(100 * noise)} %" if noise else "none"
        yield METHODS[method].title, trained, *cells, f"{sum(seconds) / len(seconds):.0f}", str(len(seconds))


def columns() -> tuple[str, ...]:
    """Return the heads of the table."""
    return (
        "method",
        "wrong in training",
        *(f"{round(100 * share)} % wrong" for share in SHARES),
        "CPU s to train",
        "seeds",
    )


def kinds(found: Found) -> list[tuple[str, float]]:
    """Return each method and its share of wrong labels in training, in the order of the methods."""
    order = list(METHODS)
    return sorted({cell[:2] for cell in found}, key=lambda kind: (kind[1], order.index(kind[0])))


def of_seeds(found: Found, method: str, noise: float, share: float) -> list[float]:
    """Return the accuracy of each seed at a share of wrong labels."""
    return [each["accuracy"][str(share)]["mean"] for cell, each in found.items() if cell[:2] == (method, noise)]


def page(found: Found, introduction: str) -> Iterator[str]:
    """Yield the lines of the page."""
    yield introduction
    yield from table(columns(), rows(found))
    yield READING


def draw(found: Found, path: Path) -> None:
    """Write a PNG of accuracy against the share of wrong labels; dashed is what was trained on right labels alone."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panel = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for method, noise in kinds(found):
        means = [100 * sum(seeds) / len(seeds) for seeds in (of_seeds(found, method, noise, each) for each in SHARES)]
        label = METHODS[method].title + ("" if noise else ", trained on right labels")
        colour = f"C{list(METHODS).index(method)}"
        shares = [100 * share for share in SHARES]
        panel.plot(shares, means, color=colour, linestyle="-" if noise else ":", marker="o", markersize=3, label=label)
    panel.set(xlabel="wrong support labels, %", ylabel="accuracy on unseen classes, %")
    panel.grid(alpha=0.3)
    panel.legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _spelled(values: list[float]) -> str:
    mean = 100 * sum(values) / len(values)
    return f"{mean:.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"
