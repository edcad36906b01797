"""One HTML page about runs, with everything in it, and its pictures as files beside it."""

import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, StrictUndefined

from phiforge.base.errors import FormatError, IncapableWorkerError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import read_run
from phiforge_client.results import figures, task_picture
from phiforge_client.results.answers import Answers, Shown, answers
from phiforge_client.results.findings import Findings, deciding_score
from phiforge_client.results.learned import Learned, learned
from phiforge_client.results.weights_picture import weights_picture

TASKS_ASKED, TASKS_SHOWN, CLASSES_SHOWN = 50, 3, 12
_SPELLED = {"accuracy": ("accuracy", "%.1f ± %.1f %%", 100), "mean_return": ("return", "%.3f ± %.3f", 1)}
"""What the score that runs are told apart by is called, how it is written, and times what."""
_IMAGES = 4
"""Dimensions of an array of images."""
PATIENCE_SECONDS = 20.0
"""How long a run's test tasks may be computed again."""


class About(NamedTuple):
    """One run on the page: what the record says, was learned and answered; names of pictures of tasks and weights."""

    found: Findings
    spec: str
    learned: list[Learned]
    answers: Answers | None
    pictures: list[str]
    weights: list[str]


def write_page(platform: RunPlatform, found: Sequence[Findings], folder: Path) -> Path:
    """Write ``report.html`` and its PNGs into ``folder``, and return the page.

    The page holds its pictures: it can be sent as it is. Raises OSError if the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = dict(_drawn(found))
    about = []
    for run in found:
        details = _details(platform, run)
        shown = _wrong_first(details[1])
        tasks = {f"{run.run}-task-{index}": task for index, task in enumerate(shown)}
        weighed = {f"{run.run}-weights-{index}": task for index, task in enumerate(shown) if task.weights}
        drawn |= {name: task_picture.picture(task) for name, task in tasks.items()}
        drawn |= {name: weights_picture(task) for name, task in weighed.items()}
        about.append(About(run, _as_yaml(run.submitted.spec), *details, list(tasks), list(weighed)))
    for name, png in drawn.items():
        (folder / f"{name}.png").write_bytes(png)
    page = folder / "report.html"
    page.write_text(_rendered(about, drawn), encoding="utf-8")
    return page


def _drawn(found: Sequence[Findings]) -> Iterator[tuple[str, bytes]]:
    """Yield the pictures of all runs together, by name."""
    title = "Accuracy on tasks of classes never trained on"
    score = deciding_score(found)
    if score == "accuracy":
        yield "accuracy-by-tasks", figures.curves(found, "accuracy", figures.by_tasks, title, "tasks seen")
        yield "accuracy-by-minutes", figures.curves(found, "accuracy", figures.by_minutes, title, "minutes of training")
    if score == "mean_return":
        yield "return-by-tasks", figures.curves(found, score, figures.by_tasks, "Return on unseen tasks", "tasks seen")
    yield "loss-by-tasks", figures.curves(found, "loss", figures.by_tasks, "Query loss per task", "tasks seen")
    if steps := figures.inner_steps(found, score):
        yield "inner-steps", steps
    if score == "accuracy" and (tasks := figures.spread(found)):
        yield "test-tasks", tasks


def _details(platform: RunPlatform, run: Findings) -> tuple[list[Learned], Answers | None]:
    """Return what must be computed from φ: nothing of a run that is not over, or that names parts not installed."""
    if run.report is None:
        return [], None
    try:
        record = read_run(run.submitted)
        report: dict[str, Any] = dict(run.report)
        asked = answers(platform, record, report, TASKS_ASKED, PATIENCE_SECONDS)
        return learned(platform, record, report["best_version"]), asked
    except (FormatError, IncapableWorkerError):
        return [], None


def _wrong_first(found: Answers | None) -> list[Shown]:
    """Return the tasks to show: those with most wrong answers; none of vectors, which nobody can look at."""
    seen = [task for task in found.tasks if task.support.ndim == _IMAGES] if found else []
    return sorted(seen, key=lambda task: task.accuracy)[:TASKS_SHOWN]


def _as_yaml(spec: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True)


def _rendered(about: Sequence[About], drawn: Mapping[str, bytes]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["quoted"] = shlex.quote
    text = files("phiforge_client.results").joinpath("templates", "report.html").read_text(encoding="utf-8")
    inline = {name: "data:image/png;base64," + base64.b64encode(png).decode() for name, png in drawn.items()}
    decides = deciding_score([each.found for each in about])
    spelled = _SPELLED.get(decides)
    joint = [name for name in inline if not any(name in (*each.pictures, *each.weights) for each in about)]
    return environment.from_string(text).render(
        about=about, inline=inline, joint=joint, most=CLASSES_SHOWN, decides=decides, spelled=spelled
    )
