"""Which runs a person means: by name, by a pattern of names, by labels."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from phiforge.base.errors import FormatError, IncapableWorkerError, PhiforgeError, QueueError, RunError
from phiforge.runs.platform import RunPlatform
from phiforge.runs.run_ids import run_of
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Line, RememberedLine, entries
from phiforge.runs.waiting.wish import Labels, read_labels
from phiforge_client.steering import start

_WILD = frozenset("*?[")


class Done(NamedTuple):
    """What became of what was asked of many runs."""

    runs: list[str]
    """Those it was done to."""
    left: dict[str, str]
    """Those that were left as they are, and why."""


def selected(platform: RunPlatform, names: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the ids of the runs that are meant, in order of id.

    Args:
        platform: of whoever asks
        names: ids, parts of ids as ``run_of`` takes them, or patterns with ``*``, ``?`` and ``[...]``
        labels: ``name=value``; a run must have all of them

    Raises RunError if a name or pattern, or all together, means no run; QueueError if nothing is given.
    """
    wanted = read_labels(labels)
    if not names and not wanted:
        raise QueueError("which runs? Give ids, patterns such as 'sweep-*', or --label NAME=VALUE")
    meant = {run for name in names for run in _named(platform, name)} if names else set(platform.record.runs())
    if wanted:
        meant = _labelled(platform, meant, wanted)
    if not meant:
        raise RunError(
            f"no run has the label {' and '.join(labels)}; `phiforge queue` shows the labels of those queued"
        )
    return sorted(meant)


def to_each(platform: RunPlatform, runs: Sequence[str], action: Callable[[RunPlatform, Line, str], None]) -> Done:
    """Do ``action`` to each of ``runs``, then let those start whose turn it is; leave those as they are that forbid it.

    Those that are active come last, so that none takes a place only to lose it. Raises what ``action`` raised if that
    is so of all.
    """
    line, active = RememberedLine(platform.store, platform.exchange), set(platform.record.active())
    done, left = list[str](), dict[str, PhiforgeError]()
    for run in sorted(runs, key=active.__contains__):
        try:
            action(platform, line, run)
            done.append(run)
        except (RunError, QueueError) as error:
            left[run] = error
    start(platform, *runs if len(runs) == 1 else ())
    if not done:
        raise next(iter(left.values()))
    return Done(done, {run: str(error) for run, error in left.items()})


def labels_of_queued(platform: RunPlatform) -> Mapping[str, Labels]:
    """Return the labels of every run that waits or is active and came from the queue."""
    found = {waiting.run: waiting.entry.labels for waiting in entries(platform.store)}
    active = (Entry.parse(platform.record.entry_of(run)) for run in platform.record.active())
    return found | {entry.run: entry.labels for entry in active if entry}


def _named(platform: RunPlatform, name: str) -> list[str]:
    if not _WILD & set(name):
        return [run_of(platform.record, name)]
    if fits := [run for run in platform.record.runs() if fnmatchcase(run, name)]:
        return fits
    raise RunError(f"no run fits {name[:100]!r} in {platform.store.url}; `phiforge runs` lists those that are")


def _labelled(platform: RunPlatform, runs: set[str], wanted: Labels) -> set[str]:
    known = labels_of_queued(platform)
    return {run for run in runs if set(wanted) <= set(known[run] if run in known else _recorded(platform, run))}


def _recorded(platform: RunPlatform, run: str) -> Labels:
    """Return the labels that ``run`` was submitted with; none if that cannot be read."""
    try:
        return platform.record.submitted(run).wish.labels
    except (FormatError, IncapableWorkerError, RunError):
        return ()
