"""A study as a picture: the best value so far, and a slice of each field of the space."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from phiforge.runs.studies.outcome import Proposal, Result, TrialEnd
from phiforge.spec.studies.dimension import Dimension, position_of
from phiforge_client.studies.view import StudyView

_COLUMNS = 3
_WIDE, _HIGH = 4.2, 3.2
"""Inches of one panel."""
COLOURS = {TrialEnd.COMPLETE: "tab:blue", TrialEnd.STOPPED: "tab:orange"}
"""Of trials that have a value, by how they ended."""

Judged = list[tuple[Proposal, Result]]


def plot_study(view: StudyView, path: Path) -> None:
    """Write a PNG: the best-so-far curve of whole trials over tasks, and every trial's value over each field."""
    judged = [
        (proposal, view.found.results[proposal.number])
        for proposal in view.found.proposals
        if proposal.number in view.found.results and view.found.results[proposal.number].value is not None
    ]
    rows = -(-(len(view.spec.space) + 1) // _COLUMNS)
    figure = Figure(figsize=(_WIDE * _COLUMNS, _HIGH * rows), layout="constrained")
    panels: list[Axes] = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    _plot_best(view, judged, panels[0])
    for field, panel in zip(view.spec.space, panels[1:], strict=False):
        _plot_slice(view, judged, field, panel)
    for panel in panels[len(view.spec.space) + 1 :]:
        panel.set_visible(False)
    figure.suptitle(view.record.study)
    figure.savefig(path, format="png", dpi=110)


def best_so_far(view: StudyView) -> list[tuple[int, int, float]]:
    """Return number, tasks of all trials up to it, and the best value of whole trials so far, for each with a value."""
    curve, tasks = list[tuple[int, int, float]](), 0
    better = max if view.spec.objective.goal == "maximise" else min
    for proposal in view.found.proposals:
        result = view.found.results.get(proposal.number)
        if result is None:
            continue
        tasks += result.tasks
        if result.end is TrialEnd.COMPLETE and result.value is not None:
            curve.append((proposal.number, tasks, better(result.value, curve[-1][2]) if curve else result.value))
    return curve


def _plot_best(view: StudyView, judged: Judged, panel: Axes) -> None:
    curve = best_so_far(view)
    panel.step([tasks for _, tasks, _ in curve], [value for _, _, value in curve], where="post", color="tab:blue")
    panel.set_xlabel("tasks, all trials together")
    panel.set_ylabel(f"best validation {view.spec.objective.score}")


def _plot_slice(view: StudyView, judged: Judged, field: str, panel: Axes) -> None:
    dimension = view.spec.space[field]
    for end, colour in COLOURS.items():
        shown = [(each, result) for each, result in judged if result.end is end and field in each.point]
        places = [_place(dimension, proposal.point[field]) for proposal, _ in shown]
        panel.scatter(places, [result.value or 0.0 for _, result in shown], s=16, color=colour, label=end)
    if dimension.is_choice:
        panel.set_xticks(range(len(dimension.values)), [word(each) for each in dimension.values])
    elif dimension.is_log:
        panel.set_xscale("log")
    panel.set_xlabel(field)
    panel.set_ylabel(str(view.spec.objective.score))
    if any(result.end is TrialEnd.STOPPED for _, result in judged):
        panel.legend(fontsize="small")


def _place(dimension: Dimension, value: Any) -> float:  # noqa: ANN401 - any value of a spec
    return position_of(value, dimension.values) if dimension.is_choice else float(value)


def word(value: Any) -> str:  # noqa: ANN401 - any value of a spec
    """Return a value as an axis has room for; of a part its name."""
    if isinstance(value, dict):
        return str(value.get("name", value))[:16]
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:16]
