"""What a person does with runs that are there: they join the queue, are paused, resumed, cancelled or moved up."""

from contextlib import suppress

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.waiting.admission import admit
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.moves import cancel_one, pause_one, put_in_line, reprioritise_one, resume_one

__all__ = [
    "cancel",
    "cancel_one",
    "join",
    "pause_one",
    "reprioritise_one",
    "resume",
    "resume_one",
    "start",
    "start_regardless",
]


def join(platform: RunPlatform, run: str, *, hold: bool = False) -> None:
    """Let ``run`` join the queue, where its wish says; it starts at once if there is room.

    ``hold``: it waits until it is resumed.
    """
    put_in_line(platform, Line(platform.store, platform.exchange), run, hold=hold)
    if not hold:
        start(platform, run)


def start(platform: RunPlatform, mine: str = "") -> None:
    """Set those runs going whose turn it is.

    What is wrong with a run is raised if it is ``mine``; all others are for services to deal with.
    """
    for run in admit(platform):
        if run == mine:
            _set_going(platform, run)
            continue
        with suppress(FormatError, IncapableWorkerError, RunError):
            _set_going(platform, run)


def start_regardless(platform: RunPlatform, run: str) -> None:
    """Let ``run``, which waits, start now, beside whatever else is active: for runs that try a fleet out."""
    line = Line(platform.store, platform.exchange)
    for waiting in line.of(run):
        platform.record.admit(run, waiting.entry.name)
        line.remove(waiting)
        _set_going(platform, run)


def cancel(platform: RunPlatform, run: str) -> None:
    """Stop ``run`` for now, wherever it is; raises RunError if it is over already."""
    cancel_one(platform, Line(platform.store, platform.exchange), run)
    start(platform)


def resume(platform: RunPlatform, run: str) -> None:
    """Let a held, cancelled or failed run queue again; it goes on to the same φ as if it had never stopped.

    So too one that is not over and that nobody moves: its mark was lost, or its report is damaged. Raises RunError if
    the run goes on as it is.
    """
    resume_one(platform, Line(platform.store, platform.exchange), run)
    start(platform, run)


def _set_going(platform: RunPlatform, run: str) -> None:
    """Put ``run``, which is active now, into Redis: this alone needs torch, which takes seconds to import."""
    from phiforge.runs.reconcile import reconcile

    reconcile(platform, run)
