"""What a person watches: each run's version, speed, L(φ), validation accuracy and time left."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import redis
from rich.console import Console
from rich.live import Live
from rich.table import Table

from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.standing import standing
from phiforge.runs.steps import State

REFRESH_SECONDS = 1.0
LINE_SECONDS = 5.0
"""Pause between two lines where the output is no terminal."""

Check = Callable[[], None]
"""Called at every look; may raise what ends it."""


@dataclass(frozen=True)
class RunView:
    """One run at one moment."""

    run: str
    status: str
    version: int
    versions: int
    tasks_per_second: float
    loss: float | None
    accuracy: float | None
    accuracy_ci95: float
    seconds_left: float | None

    @property
    def over(self) -> bool:
        """Whether the run needs nothing more."""
        return self.status in (RunStatus.COMPLETE, RunStatus.FAILED, RunStatus.CANCELLED)


def view_of(platform: RunPlatform, run: str) -> RunView:
    """Return where ``run`` is, from the record alone if Redis cannot be reached; raises RunError if it is unknown."""
    submitted, status, state = platform.record.submitted(run), platform.record.status(run), _state(platform, run)
    version = state.head if state else platform.record.checkpoints(run)[-1]
    step_seconds = state.step_seconds if state else 0.0
    judged = _judged(platform, run)
    left = (submitted.versions - version) * step_seconds if step_seconds else None
    evaluating = status is RunStatus.RUNNING and version == submitted.versions
    return RunView(
        run=run,
        status=status.value if status is not RunStatus.RUNNING else _moving(platform, run, evaluating=evaluating),
        version=version,
        versions=submitted.versions,
        tasks_per_second=submitted.tasks / step_seconds if step_seconds else 0.0,
        loss=state.scores.get("loss") if state else None,
        accuracy=judged["accuracy"] if judged else None,
        accuracy_ci95=judged["accuracy_ci95"] if judged else 0.0,
        seconds_left=left,
    )


def _state(platform: RunPlatform, run: str) -> State | None:
    try:
        return platform.exchange.state(run)
    except redis.ConnectionError:
        return None


def _moving(platform: RunPlatform, run: str, *, evaluating: bool) -> str:
    """Say what a run that is not over does: it runs, it is judged, or it stands, and why."""
    if stands := standing(platform, run, evaluating=evaluating):
        return stands
    return _evaluating(platform, run) if evaluating else RunStatus.RUNNING.value


def _evaluating(platform: RunPlatform, run: str) -> str:
    """Say that a run is judged, and how far: tasks of the evaluation under way."""
    try:
        judged = platform.exchange.judged(run)
    except redis.ConnectionError:
        judged = None
    return f"evaluating {judged[0]}/{judged[1]}" if judged else "evaluating"


def _judged(platform: RunPlatform, run: str) -> Mapping[str, float] | None:
    """Return the latest validation scores."""
    try:
        if judged := platform.exchange.summaries(run).get("validation"):
            return judged
    except redis.ConnectionError:
        pass
    scored = platform.record.scored(run, "validation")
    return platform.record.scores(run, "validation", scored[-1]) if scored else None


def watch(platform: RunPlatform, runs: Sequence[str], console: Console, check: Check) -> list[RunView]:
    """Show ``runs`` until all are over and return their last views; ``check`` is called at every look."""
    if console.is_terminal:
        return _watch_live(platform, runs, console, check)
    return _watch_lines(platform, runs, console, check)


def table(views: Sequence[RunView]) -> Table:
    """Return one row a run."""
    shown = Table()
    shown.add_column("run", no_wrap=True, overflow="fold")
    shown.add_column("status")
    for name in ("version", "tasks/s", "L(φ)", "validation", "left"):
        shown.add_column(name, justify="right")
    for view in views:
        shown.add_row(*_cells(view))
    return shown


def percent(accuracy: float, ci95: float) -> str:
    """Spell an accuracy and the half width of its 95 % interval."""
    return f"{100 * accuracy:.1f} ± {100 * ci95:.1f} %"


def _watch_live(platform: RunPlatform, runs: Sequence[str], console: Console, check: Check) -> list[RunView]:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            views = [view_of(platform, run) for run in runs]
            live.update(table(views), refresh=True)
            if all(view.over for view in views):
                return views
            check()
            time.sleep(REFRESH_SECONDS)


def _watch_lines(platform: RunPlatform, runs: Sequence[str], console: Console, check: Check) -> list[RunView]:
    next_line = 0.0
    while True:
        views = [view_of(platform, run) for run in runs]
        over = all(view.over for view in views)
        if over or time.monotonic() >= next_line:
            next_line = time.monotonic() + LINE_SECONDS
            for view in views:
                console.print("  ".join(_cells(view)), highlight=False, soft_wrap=True)
        if over:
            return views
        check()
        time.sleep(REFRESH_SECONDS)


def _cells(view: RunView) -> tuple[str, ...]:
    accuracy = "–" if view.accuracy is None else percent(view.accuracy, view.accuracy_ci95)
    loss = "–" if view.loss is None else f"{view.loss:.3f}"
    left = "–" if view.status != "running" or view.seconds_left is None else _clock(view.seconds_left)
    rate = "–" if view.status != "running" else f"{view.tasks_per_second:.1f}"
    return view.run, view.status, f"{view.version}/{view.versions}", rate, loss, accuracy, left


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
