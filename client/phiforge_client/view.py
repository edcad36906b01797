"""What a person watches: each run's version, speed, L(φ), accuracy and time left."""

import time
from collections.abc import Callable, Mapping, Sequence

import redis
from rich.console import Console
from rich.live import Live

from phiforge.base.errors import FormatError, IncapableWorkerError, MissingObjectError, RunError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.standing import standing
from phiforge.runs.steps import State
from phiforge.runs.submitted import Submitted
from phiforge_client.run_view import RunView
from phiforge_client.table import line, table
from phiforge_client.waiting_view import turns_of, view_of_turn, words_of

__all__ = ["RunView", "all_views", "view_of", "watch"]

REFRESH_SECONDS = 1.0
LINE_SECONDS = 5.0
"""Pause between two lines where the output is no terminal."""

UNREADABLE = "unreadable"
"""What the status of a run begins with whose record is damaged, or newer than this code."""

_AWAY = (redis.ConnectionError, redis.TimeoutError)
_DAMAGED = (FormatError, IncapableWorkerError, RunError, MissingObjectError, ValueError, LookupError, TypeError)

Check = Callable[[], None]
"""Called at every look; may raise what ends it."""


def view_of(platform: RunPlatform, run: str, *, ask_redis: bool = True) -> RunView:
    """Return where ``run`` is, from the record alone if Redis cannot be reached; raises RunError if it is unknown."""
    submitted, status = platform.record.submitted(run), platform.record.status(run)
    state = _state(platform, run) if ask_redis else None
    version = state.head if state else _recorded(platform, submitted, status)
    step_seconds = state.step_seconds if state else 0.0
    split, judged = _judged(platform, run, status, ask_redis=ask_redis)
    left = (submitted.versions - version) * step_seconds if step_seconds and version is not None else None
    evaluating = status is RunStatus.RUNNING and version == submitted.versions
    return RunView(
        run=run,
        status=status.value if status is not RunStatus.RUNNING else _moving(platform, run, evaluating, ask_redis),
        version=version,
        versions=submitted.versions,
        tasks_per_second=submitted.tasks / step_seconds if step_seconds else 0.0,
        loss=state.scores.get("loss") if state else None,
        accuracy=judged.get("accuracy") if judged else None,
        accuracy_ci95=judged.get("accuracy_ci95", 0.0) if judged else 0.0,
        split=split,
        seconds_left=left,
        created_at=submitted.created_at,
        labels=submitted.wish.labels,
        mean_return=judged.get("mean_return") if judged else None,
        mean_return_ci95=judged.get("mean_return_ci95", 0.0) if judged else 0.0,
    )


def all_views(platform: RunPlatform) -> list[RunView]:
    """Return every run, in order of submission; one that cannot be read is among them.

    Of those that wait the queue tells all: they are not asked for one by one.
    """
    runs, active = platform.record.runs(), set(platform.record.active())
    waiting = {run: turn for run, turn in turns_of(platform).items() if run not in active}
    views = [view_of_turn(waiting[run]) for run in runs if run in waiting]
    views += readable_views(platform, [run for run in runs if run not in waiting])
    return sorted(views, key=lambda view: (view.created_at, view.run))


def readable_views(platform: RunPlatform, runs: Sequence[str]) -> list[RunView]:
    """Return the views of ``runs``, whatever is the matter with one."""
    ask_redis = bool(runs) and _answers(platform)
    return [_readable_view(platform, run, ask_redis) for run in runs]


def watch(platform: RunPlatform, runs: Sequence[str], console: Console, check: Check) -> list[RunView]:
    """Show ``runs`` until all are over and return their last views; ``check`` is called at every look."""
    if console.is_terminal:
        return _watch_live(platform, runs, console, check)
    return _watch_lines(platform, runs, console, check)


def _readable_view(platform: RunPlatform, run: str, ask_redis: bool) -> RunView:
    try:
        return view_of(platform, run, ask_redis=ask_redis)
    except _DAMAGED as error:
        return RunView(run, f"{UNREADABLE}: {error}", None, 0, 0.0, None, None, 0.0, "", None, 0.0)


def _moving(platform: RunPlatform, run: str, evaluating: bool, ask_redis: bool) -> str:
    """Say what a run that is not over does: it waits, it runs, it is judged, or it stands, and why."""
    if waits := words_of(platform, run):
        return waits
    if stands := standing(platform, run, evaluating=evaluating, ask_redis=ask_redis):
        return stands
    return _evaluating(platform, run) if evaluating else RunStatus.RUNNING.value


def _evaluating(platform: RunPlatform, run: str) -> str:
    """Say that a run is judged, and how far: tasks of the evaluation under way."""
    try:
        judged = platform.exchange.judged(run)
    except _AWAY:
        judged = None
    return f"evaluating {judged[0]}/{judged[1]}" if judged else "evaluating"


def _answers(platform: RunPlatform) -> bool:
    """Say whether Redis answers: asked once, and not for each run, as no answer takes its time."""
    try:
        return bool(platform.exchange.redis.ping())
    except _AWAY:
        return False


def _recorded(platform: RunPlatform, submitted: Submitted, status: RunStatus) -> int | None:
    """Return the newest version that has a checkpoint, if any has one left; of a complete run its last."""
    if status is RunStatus.COMPLETE:
        return submitted.versions
    return max(platform.record.checkpoints(submitted.run), default=None)


def _state(platform: RunPlatform, run: str) -> State | None:
    try:
        return platform.exchange.state(run)
    except _AWAY:
        return None


def _judged(
    platform: RunPlatform, run: str, status: RunStatus, *, ask_redis: bool
) -> tuple[str, Mapping[str, float] | None]:
    """Return the test scores of a complete run, else the latest validation scores; and which of them these are."""
    if status is RunStatus.COMPLETE and (tested := platform.record.report(run).get("test")):
        return "test", tested
    return "validation", _validated(platform, run, ask_redis)


def _validated(platform: RunPlatform, run: str, ask_redis: bool) -> Mapping[str, float] | None:
    try:
        if ask_redis and (judged := platform.exchange.summaries(run).get("validation")):
            return judged
    except _AWAY:
        pass
    scored = platform.record.scored(run, "validation")
    return platform.record.scores(run, "validation", scored[-1]) if scored else None


def _watch_live(platform: RunPlatform, runs: Sequence[str], console: Console, check: Check) -> list[RunView]:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            views = [view_of(platform, run) for run in runs]
            live.update(table(views, console.width), refresh=True)
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
                console.print(line(view), highlight=False, soft_wrap=True)
        if over:
            return views
        check()
        time.sleep(REFRESH_SECONDS)
