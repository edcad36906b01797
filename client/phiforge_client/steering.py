"""What a person does with runs that are there: they join the queue, are paused, resumed, cancelled or moved up."""

from contextlib import suppress

from phiforge.base.errors import FormatError, IncapableWorkerError, QueueError, RunError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.reconcile import reconcile
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.admission import admit, where_to
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge.runs.waiting.wish import check_priority


def join(platform: RunPlatform, run: str, *, hold: bool = False) -> None:
    """Let ``run`` join the queue, where its wish says; it starts at once if there is room.

    ``hold``: it waits until it is resumed.
    """
    line = Line(platform.store, platform.exchange)
    entry = Entry.of(platform.record.submitted(run), line.new_place())
    if hold:
        line.put(Waiting(entry, Where.HELD))
        return
    line.put(where_to(platform, Waiting(entry, Where.READY)))
    start(platform, run)


def start(platform: RunPlatform, mine: str = "") -> None:
    """Set those runs going whose turn it is.

    What is wrong with a run is raised if it is ``mine``; all others are for services to deal with.
    """
    for run in admit(platform):
        if run == mine:
            reconcile(platform, run)
            continue
        with suppress(FormatError, IncapableWorkerError, RunError):
            reconcile(platform, run)


def start_regardless(platform: RunPlatform, run: str) -> None:
    """Let ``run``, which waits, start now, beside whatever else is active: for runs that try a fleet out."""
    line = Line(platform.store, platform.exchange)
    for waiting in line.of(run):
        platform.record.admit(run, waiting.entry.name)
        line.remove(waiting)
        reconcile(platform, run)


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


def cancel_one(platform: RunPlatform, line: Line, run: str) -> None:
    """Do what ``cancel`` does, but let nobody take the place."""
    _expect(platform, run, "cancel", RunStatus.RUNNING)
    active = platform.record.is_active(run)
    platform.record.end(run, RunStatus.CANCELLED, "cancelled by its user")
    for waiting in line.of(run):
        line.remove(waiting)
    if active:
        platform.exchange.stop(run, RunStatus.CANCELLED)


def pause_one(platform: RunPlatform, line: Line, run: str) -> None:
    """Hold ``run`` until it is resumed; one that is active goes on from its newest checkpoint then, to the same φ.

    Raises RunError if it is over, QueueError if it is held already.
    """
    _expect(platform, run, "pause", RunStatus.RUNNING)
    if line.held(run):
        raise QueueError(f"run {run!r} is held already; `phiforge resume {run}` lets it go on")
    line.hold(entry_of(platform, line, run))
    platform.record.deactivate(run)
    platform.exchange.forget(run)


def resume_one(platform: RunPlatform, line: Line, run: str) -> None:
    """Do what ``resume`` does, but leave it to others to set ``run`` going when its turn comes."""
    held, allowed = line.held(run), [RunStatus.CANCELLED, RunStatus.FAILED]
    if held or not (platform.record.is_active(run) or line.of(run)):
        allowed.append(RunStatus.RUNNING)
    _expect(platform, run, "resume", *allowed)
    entry = entry_of(platform, line, run)._replace(place=line.new_place())
    held = held or Waiting(entry, Where.HELD)
    line.put(held)  # until it is among the ready, it is held: never nowhere
    platform.record.reopen(run)
    platform.exchange.forget(run)
    line.move(held, where_to(platform, Waiting(entry, Where.READY)))


def reprioritise_one(platform: RunPlatform, line: Line, run: str, priority: int) -> None:
    """Give a run that waits another priority; raises QueueError if there is no such one, or it does not wait."""
    check_priority(priority)
    entries = line.of(run)
    if not entries:
        status = platform.record.status(run)
        raise QueueError(f"cannot reprioritise run {run!r}: it is {status}; allowed: one that waits in the queue")
    for waiting in entries:
        line.move(waiting, waiting._replace(entry=waiting.entry._replace(priority=priority)))


def entry_of(platform: RunPlatform, line: Line, run: str) -> Entry:
    """Return the entry of ``run`` in the queue, else the one it had before it was active, else one as it was submitted.

    A place that nobody gave it is 0: before all others.
    """
    for waiting in line.of(run):
        return waiting.entry
    return Entry.parse(platform.record.entry_of(run)) or Entry.of(platform.record.submitted(run), place=0)


def _expect(platform: RunPlatform, run: str, action: str, *allowed: RunStatus) -> None:
    platform.run(run)
    status = platform.record.status(run)
    if status not in allowed:
        raise RunError(f"cannot {action} run {run!r}: it is {status}; allowed: {' or '.join(allowed)}")
