"""How single runs move between the queue, those that are active and those that are over.

None of these lets anybody take a place that is free now: whoever looks next does.
"""

from phiforge.base.errors import QueueError, RunError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.admission import where_to
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge.runs.waiting.wish import check_priority


def put_in_line(platform: RunPlatform, line: Line, run: str, *, hold: bool = False) -> None:
    """Let ``run`` join the queue where its wish says; if ``hold``, it waits until it is resumed."""
    entry = Entry.of(platform.record.submitted(run), line.new_place())
    line.put(Waiting(entry, Where.HELD) if hold else where_to(platform, Waiting(entry, Where.READY)))


def cancel_one(platform: RunPlatform, line: Line, run: str, reason: str = "cancelled by its user") -> None:
    """Stop ``run`` for now, wherever it is; raises RunError if it is over already."""
    _expect(platform, run, "cancel", RunStatus.RUNNING)
    active = platform.record.is_active(run)
    platform.record.end(run, RunStatus.CANCELLED, reason)
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
    """Let a held, cancelled or failed run queue again, or one that is not over and that nobody moves.

    Raises RunError if it goes on as it is.
    """
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


def park_one(platform: RunPlatform, line: Line, run: str) -> None:
    """Hold ``run``, but let what of it is being judged be judged."""
    line.hold(entry_of(platform, line, run))
    platform.record.deactivate(run)
    platform.exchange.stop(run, RunStatus.CANCELLED)  # for trainers; it is the record that evaluators ask


def release_one(platform: RunPlatform, line: Line, run: str) -> None:
    """Let ``run`` queue again if it is held, to go on from its newest checkpoint."""
    if held := line.held(run):
        platform.exchange.forget(run)
        entry = held.entry._replace(place=line.new_place())
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
