"""Pictures of what a study found beside its slices: what matters, every trial at once, what it cost, the front."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phiforge.runs.studies.outcome import Proposal, Result, TrialEnd
from phiforge.search.importance import importance
from phiforge.spec.studies.space import Space
from phiforge_client.studies.plot import COLOURS, word
from phiforge_client.studies.table import value_at
from phiforge_client.studies.view import StudyView

Picture = Callable[[StudyView], Figure | None]
"""Draws a picture; None where there is nothing to draw."""


def write_pictures(view: StudyView, folder: Path) -> list[Path]:
    """Write every picture for which there is something to draw, and return their paths."""
    written = []
    for name, draw in PICTURES.items():
        if figure := draw(view):
            path = folder / f"{name}.png"
            figure.savefig(path, format="png", dpi=110)
            written.append(path)
    return written


def shares(view: StudyView) -> Mapping[str, float] | None:
    """Return how much each field matters, as far as it can be said."""
    return importance(view.spec.points, view.found.told(view.spec))


def _importance(view: StudyView) -> Figure | None:
    found = shares(view)
    if found is None:
        return None
    figure, axes = _figure(len(found))
    axes.barh(list(found), list(found.values()), color="tab:blue")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of what decides who is among the best (PED-ANOVA)")
    return figure


def _parallel(view: StudyView) -> Figure | None:
    """Draw each trial as a line through all fields to its value, the better the darker."""
    judged = _judged(view)
    if not judged:
        return None
    space = view.spec.points
    values = [value for _, _, value in judged]
    low, high = min(values), max(values)
    figure, axes = _figure(len(space))
    for proposal, _, value in sorted(judged, key=lambda each: each[2], reverse=view.spec.objective.goal == "minimise"):
        share = (value - low) / (high - low) if high > low else 0.5
        good = share if view.spec.objective.goal == "maximise" else 1 - share
        axes.plot(*_line(space, proposal, share), color=colormaps["viridis_r"](good), alpha=0.8, linewidth=1)
    names = [*space, str(view.spec.objective.score)]
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right", fontsize="small")
    axes.set_yticks([])
    for place, field in enumerate(space):
        _ends(axes, place, *map(word, _bounds(space, field)))
    _ends(axes, len(space), f"{low:.3g}", f"{high:.3g}")
    return figure


def _line(space: Space, proposal: Proposal, share: float) -> tuple[list[float], list[float]]:
    """Return where a trial's line goes: through the fields that are set in it, to its value."""
    there = [(place, field) for place, field in enumerate(space) if field in proposal.point]
    heights = [space[field].unit_of(proposal.point[field]) for _, field in there]
    return [*(place for place, _ in there), len(space)], [*heights, share]


def _bounds(space: Space, field: str) -> tuple[Any, Any]:
    dimension = space[field]
    return (dimension.values[0], dimension.values[-1]) if dimension.is_choice else dimension.bounds


def _ends(axes: Axes, place: int, low: str, high: str) -> None:
    axes.axvline(place, color="0.8", linewidth=0.8, zorder=0)
    axes.annotate(low, (place, 0), xytext=(0, -4), textcoords="offset points", ha="center", va="top", fontsize=7)
    axes.annotate(high, (place, 1), xytext=(0, 4), textcoords="offset points", ha="center", va="bottom", fontsize=7)


def _cost(view: StudyView) -> Figure | None:
    """Draw how many tasks each trial took."""
    results = [view.found.results[each.number] for each in view.found.proposals if each.number in view.found.results]
    if not results:
        return None
    figure, axes = _figure(4)
    for end in TrialEnd:
        shown = [result for result in results if result.end is end]
        if shown:
            numbers, tasks = [result.number for result in shown], [result.tasks for result in shown]
            axes.bar(numbers, tasks, color=COLOURS.get(end, "tab:red"), label=end)
    axes.set(xlabel="trial", ylabel="tasks", title=f"{view.found.tasks:,} tasks in all")
    axes.legend(fontsize="small")
    return figure


def _front(view: StudyView) -> Figure | None:
    """Draw the first two objectives against each other, and the front as a line."""
    if not view.front:
        return None
    first, second = (aim.score for aim in view.spec.aims[:2])
    results = [result for _, result, _ in _judged(view)]
    figure, axes = _figure(4)
    front = sorted(view.front, key=lambda result: value_at(result, first) or 0.0)
    axes.scatter(_places(results, first), _places(results, second), s=16, color="0.6", label="trials")
    axes.plot(_places(front, first), _places(front, second), marker="o", color="tab:blue", label="dominated by none")
    axes.set(xlabel=first, ylabel=second)
    axes.legend(fontsize="small")
    return figure


def _places(results: Sequence[Result], score: str) -> list[float]:
    return [value_at(result, score) or 0.0 for result in results]


def _judged(view: StudyView) -> list[tuple[Proposal, Result, float]]:
    """Return the trials that have a value, and it."""
    there = ((each, view.found.results.get(each.number)) for each in view.found.proposals)
    return [
        (proposal, result, result.value)
        for proposal, result in there
        if result is not None and result.value is not None and np.isfinite(result.value)
    ]


def _figure(fields: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(max(6.0, 1.5 * fields), 4.0), layout="constrained")
    return figure, figure.subplots()


PICTURES: Mapping[str, Picture] = {
    "importance": _importance,
    "parallel": _parallel,
    "cost": _cost,
    "front": _front,
}
"""By name of the file."""
