"""``phiforge rm``: a run that is over and that nobody needs, with all that is its own and nothing that is shared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError
from phiforge.runs.keys import key_of, submitted_key
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.store import Store
from phiforge.runs.waiting.line import Where, entries

_MARKS = ("report.json", "failed.json", "cancelled.json")


def removable(platform: RunPlatform, runs: Sequence[str]) -> list[str]:
    """Return ``runs`` if all of them may be removed together.

    Raises RunError, with every reason, if one goes on, or if a run that is to stay was branched from it or waits for
    its end.
    """
    needed = _needed(platform, set(runs))
    problems = [problem for run in runs if (problem := _problem(platform, run, needed.get(run, [])))]
    if problems:
        raise RunError("nothing was removed: " + "; ".join(problems))
    return list(runs)


def remove(platform: RunPlatform, run: str) -> int:
    """Remove all that is of ``run`` alone and return how many objects that were.

    The mark of its end goes last: if this breaks off, it is a run that is over still, and can be removed again.
    """
    store, marks = platform.store, [key_of(run, name) for name in _MARKS]
    platform.record.settle(run)
    platform.exchange.forget(run)
    own = [key for key in store.list(key_of(run, "")) if key not in marks]
    there = [key for key in marks if store.exists(key)]
    for key in (*own, submitted_key(run), *there):
        store.delete(key)
    return len(own) + 1 + len(there)


def _problem(platform: RunPlatform, run: str, needed_by: Sequence[str]) -> str:
    """Return why a run must stay, if it must."""
    status = platform.record.status(run)
    if status is RunStatus.RUNNING:
        return f"{run} is not over; `phiforge cancel {run}` ends it"
    if needed_by:
        return f"{run} is needed by {', '.join(needed_by[:3])}, which branched from it or waits for its end"
    return ""


def _needed(platform: RunPlatform, going: set[str]) -> Mapping[str, list[str]]:
    """Return which runs that stay need which of those that are to go."""
    needed: dict[str, list[str]] = {}
    for run, other in (*_parents(platform), *_awaited(platform.store)):
        if other in going and run not in going:
            needed.setdefault(other, []).append(run)
    return needed


def _parents(platform: RunPlatform) -> Iterator[tuple[str, str]]:
    """Yield every branch and the run that it left; one that cannot be read is of nobody."""
    for run in platform.record.runs():
        with suppress(FormatError, IncapableWorkerError, RunError):
            if parent := platform.record.submitted(run).parent:
                yield run, parent.run


def _awaited(store: Store) -> Iterator[tuple[str, str]]:
    return ((waiting.run, waiting.behind) for waiting in entries(store, Where.AFTER))
