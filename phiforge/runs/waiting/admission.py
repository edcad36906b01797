"""Admission: a run whose turn has come leaves the queue and becomes active.

Level-triggered like all else: it compares what is active with what the fleet can take, whoever calls it, however often.
Who is admitted twice was admitted once. What a run computes never depends on when it was.
"""

import logging
from collections.abc import Iterator

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import ADMITTED
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge.runs.waiting.policy import Policy, read_policy
from phiforge.runs.waiting.room import Room
from phiforge.runs.waiting.share import next_fairly, read_served, value_of, write_served

log = logging.getLogger(__name__)

LOCK = "admission"
LOCK_SECONDS = 5.0
"""Whoever admits may die. Two at a time cost order at most, for each looks at what the other did."""


def admit(platform: RunPlatform) -> list[str]:
    """Admit runs while there is room, and return them: each is active, and still to be put into Redis.

    One process at a time does. Whoever calls meanwhile leaves it to that one, which looks once more before it is done.
    """
    line, admitted = Line(platform.store, platform.exchange), list[str]()
    line.want()
    while True:
        wanted = line.wanted()
        with platform.locks.hold(LOCK, LOCK_SECONDS) as mine:
            if not mine:
                return admitted
            admitted += _fill(platform, line)
        if line.wanted() == wanted:
            return admitted


def _fill(platform: RunPlatform, line: Line) -> list[str]:
    """Admit runs while there is room; where there is none, the queue is not even looked at."""
    policy = read_policy(platform.store)
    room = Room(platform, policy)
    if not room.left:
        return []
    _let_join(platform, line, room)
    return list(_served(platform, line, policy, room))


def _served(platform: RunPlatform, line: Line, policy: Policy, room: Room) -> Iterator[str]:
    """Admit runs while there is room, in order, and yield each."""
    turns = _by_share(platform, line, policy.share) if policy.share else line.ready()
    for waiting in turns:
        if not room.left:
            return
        if _readable(platform, waiting.run) and _take(platform, line, waiting, room):
            room.add(waiting.run)
            yield waiting.run


def _readable(platform: RunPlatform, run: str) -> bool:
    """Say whether this process may admit ``run``: one that names what it lacks is left to whoever has it."""
    try:
        platform.run(run)
    except IncapableWorkerError:
        return False
    except (FormatError, RunError):  # whoever sets it going marks it failed
        pass
    return True


def _by_share(platform: RunPlatform, line: Line, share: str) -> Iterator[Waiting]:
    """Yield entries in an order that is fair to the values of the label ``share``; what is taken is charged."""
    ready, served = list(line.ready()), read_served(platform.store, share)
    while ready:
        chosen = next_fairly(ready, share, served)
        yield chosen
        if platform.record.is_active(chosen.run):
            served = served.charged(value_of(chosen.entry, share), chosen.entry.size)
            write_served(platform.store, share, served)
        ready.remove(chosen)


def _take(platform: RunPlatform, line: Line, waiting: Waiting, room: Room) -> bool:
    """Make a run active whose turn it is; False if somebody did, or its entry was left by a move that broke off.

    A run that is held stays so, even if whoever admits it saw it before it was held and wakes up now. Its entry stays
    too: somebody may resume it at this moment, and leave that very entry for the next look.
    """
    run, record = waiting.run, platform.record
    if line.held(run):
        return False
    goes = run not in room.active and record.status(run) is RunStatus.RUNNING
    if goes:
        first = record.admit(run, waiting.entry.name)
        if not first:
            room.add(run)  # by somebody else, a moment ago
        reach("admission.active")
        goes = keep_held(platform, line, run) is None and first
    line.remove(waiting)
    if goes:
        reach("admission.admitted")
        ADMITTED.inc()
        log.info("run %s is admitted", run)
    return goes


def keep_held(platform: RunPlatform, line: Line, run: str) -> Waiting | None:
    """Take a run that is held out of those that are active; return its entry, None if it is not held.

    The entry is written once more before: should somebody resume the run meanwhile, it is held again and not lost.
    """
    if held := line.held(run):
        line.put(held)
        platform.record.deactivate(run)
        platform.exchange.forget(run)
    return held


def _let_join(platform: RunPlatform, line: Line, room: Room) -> None:
    """Let runs join those whose turn comes that waited for the end of others: of those that are over by now."""
    behind = list(line.behind_others())
    if not behind:
        return
    going = room.active | {waiting.run for waiting in line.all()}
    gone = {waiting.behind for waiting in behind} - going
    over = {parent for parent in gone if _over(platform, parent)}
    for waiting in behind:
        if waiting.behind in over:
            line.move(waiting, where_to(platform, waiting))


def where_to(platform: RunPlatform, waiting: Waiting) -> Waiting:
    """Return where an entry belongs that nobody holds: behind the first run that is not over, else among the ready."""
    try:
        after = platform.record.submitted(waiting.run).wish.after
    except (FormatError, IncapableWorkerError, RunError):
        after = ()
    parent = next((parent for parent in after if not _over(platform, parent)), None)
    return Waiting(waiting.entry, Where.AFTER, parent) if parent else Waiting(waiting.entry, Where.READY)


def _over(platform: RunPlatform, run: str) -> bool:
    """Say whether ``run`` ended, however it did, or is not there any more."""
    return platform.record.status(run) is not RunStatus.RUNNING or not platform.record.is_submitted(run)
