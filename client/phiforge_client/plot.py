"""Pictures of runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl


def plot_accuracy(reports: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write a PNG of validation accuracy against tasks seen, by method; what learns nothing is a dashed line."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for index, (method, report) in enumerate(reports.items()):
        points = report["validation"]
        tasks = [point["tasks_seen"] for point in points]
        accuracy = [100 * point["accuracy"] for point in points]
        interval = [100 * point["accuracy_ci95"] for point in points]
        if len(points) == 1:
            axes.axhline(accuracy[0], linestyle="--", color=f"C{index}", label=method)
            continue
        axes.plot(tasks, accuracy, marker="o", color=f"C{index}", label=method)
        low = [mean - half for mean, half in zip(accuracy, interval, strict=True)]
        high = [mean + half for mean, half in zip(accuracy, interval, strict=True)]
        axes.fill_between(tasks, low, high, color=f"C{index}", alpha=0.2)
    axes.set(
        xlabel="tasks seen", ylabel="validation accuracy (%)", title="Accuracy on tasks of classes never trained on"
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)
