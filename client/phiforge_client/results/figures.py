"""Pictures of runs, as PNG bytes: no display, no state of pyplot, the same colour for a run in each."""

import io
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from phiforge_client.results.findings import Findings, Point

MOST_BINS = 60
"""Points of a training curve: versions in between are averaged."""

Place = Callable[[Point], float | None]


def by_tasks(point: Point) -> float | None:
    """Return where a point is on an axis of tasks."""
    return point.tasks


def by_minutes(point: Point) -> float | None:
    """Return where a point is on an axis of minutes of training."""
    return point.minutes


def curves(found: Sequence[Findings], score: str, place: Place, title: str, axis: str) -> bytes:
    """Draw a score against tasks or time: validation with its 95 % interval, training dashed, the test as a star.

    Args:
        found: the runs, a colour each.
        score: ``accuracy`` (drawn in per cent), ``loss`` or another that was recorded.
        place: where a point is on the horizontal axis.
        title: of the picture.
        axis: what the horizontal axis is called.
    """
    figure, axes = _figure()
    for colour, run in _coloured(found):
        _draw_training(axes, run, score, place, colour)
        _draw_validation(axes, run, score, place, colour)
    axes.set(title=title, xlabel=axis, ylabel=_named(score))
    return _png(figure, axes)


def inner_steps(found: Sequence[Findings], score: str) -> bytes | None:
    """Draw a score on validation tasks against the number of inner steps; None if no run tried several."""
    tried = [(colour, run) for colour, run in _coloured(found) if run.report and run.report.get("inner_steps")]
    if not tried:
        return None
    figure, axes = _figure()
    for colour, run in tried:
        steps = run.report["inner_steps"] if run.report else {}
        by_steps = sorted((int(count), each) for count, each in steps["validation"].items())
        heights = _scaled([each[score] for _, each in by_steps], score)
        widths = _scaled([each[f"{score}_ci95"] for _, each in by_steps], score)
        counts = [count for count, _ in by_steps]
        axes.errorbar(counts, heights, widths, marker="o", capsize=3, color=colour, label=run.run)
        chosen = steps["chosen"]
        axes.plot(chosen, heights[counts.index(chosen)], marker="*", markersize=16, color=colour)
    axes.set(title="After so many inner steps", xlabel="inner steps on validation tasks", ylabel=_named(score))
    return _png(figure, axes)


def spread(found: Sequence[Findings]) -> bytes | None:
    """Draw how many test tasks had which accuracy; None if no run was tested."""
    tested = [(colour, run) for colour, run in _coloured(found) if run.test]
    if not tested:
        return None
    figure, axes = _figure()
    for colour, run in tested:
        accuracy = 100 * np.asarray(run.test["per_task"]["accuracy"]) if run.test else np.empty(0)
        axes.hist(accuracy, bins=np.linspace(0, 100, 26).tolist(), histtype="step", color=colour, label=run.run)
    axes.set(title="Test tasks by accuracy", xlabel=_named("accuracy"), ylabel="tasks")
    return _png(figure, axes)


def differences(values: Sequence[float], score: str, title: str) -> bytes:
    """Draw how much higher one run's score was than another's, task by task."""
    figure, axes = _figure()
    points = _scaled(values, score)
    axes.hist(points, bins=41, color="C0", alpha=0.6)
    axes.axvline(0, color="black", linewidth=1)
    axes.axvline(float(points.mean()), color="C3", label=f"mean {points.mean():+.3g}")
    axes.set(title=title, xlabel=f"difference of {_named(score)} on the same task", ylabel="tasks")
    return _png(figure, axes)


def _draw_training(axes: Any, run: Findings, score: str, place: Place, colour: str) -> None:  # noqa: ANN401 - matplotlib's
    points = [(place(point), point.scores[score]) for point in run.training if score in point.scores]
    known = [(x, y) for x, y in points if x is not None]
    if not known:
        return
    edges = np.linspace(0, len(known), min(MOST_BINS, len(known)) + 1).astype(int)
    bins = [np.asarray(known[low:high], dtype=float).mean(axis=0) for low, high in pairwise(edges)]
    xs, ys = zip(*bins, strict=True)
    axes.plot(xs, _scaled(ys, score), linestyle="--", linewidth=1, alpha=0.7, color=colour)


def _draw_validation(axes: Any, run: Findings, score: str, place: Place, colour: str) -> None:  # noqa: ANN401 - matplotlib's
    points = [point for point in run.validation if place(point) is not None and score in point.scores]
    xs = [place(point) for point in points]
    ys = _scaled([point.scores[score] for point in points], score)
    half = _scaled([point.scores[f"{score}_ci95"] for point in points], score)
    axes.plot(xs, ys, marker="o", markersize=4, color=colour, label=run.run)
    axes.fill_between(xs, ys - half, ys + half, color=colour, alpha=0.15)
    if run.test and run.best and place(run.best) is not None:
        tested, width = _scaled([run.test[score], run.test[f"{score}_ci95"]], score)
        axes.errorbar(place(run.best), tested, width, marker="*", markersize=14, capsize=3, color=colour)


def _scaled(values: Sequence[float], score: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(values, dtype=np.float64) * (100 if score == "accuracy" else 1)


def _named(score: str) -> str:
    return {"accuracy": "accuracy (%)", "mean_return": "return"}.get(score, score)


def _coloured(found: Sequence[Findings]) -> list[tuple[str, Findings]]:
    return [(f"C{index % 10}", run) for index, run in enumerate(found)]


def _figure() -> tuple[Figure, Any]:
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _png(figure: Figure, axes: Any) -> bytes:  # noqa: ANN401 - matplotlib's
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return written.getvalue()
