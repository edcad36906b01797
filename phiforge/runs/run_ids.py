"""A run's id as people write it: whole, or so much of it that no other run is meant."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from phiforge.base.errors import FormatError, IncapableWorkerError, PhiforgeError, RunError
from phiforge.base.nearest import did_you_mean
from phiforge.runs.record import Record

CUT = "…"
"""Stands for the middle of an id where there is no room for it."""

_LETTERS = re.compile(r"[a-z0-9-]{1,100}|[a-z0-9-]{0,99}…[a-z0-9-]{0,99}")
_MOST_LISTED = 10

LATEST = "latest"
"""Means the run that was submitted last."""

_WHEN = re.compile(r"-(\d{8}-\d{6})-[0-9a-f]+$")


class Kind(NamedTuple):
    """What is looked for: how one is called, which command lists all, and where they are."""

    name: str
    listed_by: str
    url: str


def run_of(record: Record, given: str) -> str:
    """Return the id of the run that ``given`` means: its id, its beginning, its last part, or both ends around '…'.

    ``latest`` means the one that was submitted last. Raises RunError if there is no such run, or several are meant:
    those are listed.
    """
    if given == LATEST and (there := record.runs()):
        return latest(record, there)
    return the_one(given, record.runs, Kind("run", "phiforge runs", record.store.url), RunError)


def the_one(given: str, ids: Callable[[], list[str]], kind: Kind, error: type[PhiforgeError]) -> str:
    """Return which of ``ids`` is meant; raises ``error`` if none is, or several are."""
    given = given.replace("...", CUT)
    if not _LETTERS.fullmatch(given):
        letters = "which is of a-z, 0-9 and '-'"
        raise error(f"{given[:100]!r} is no {kind.name}'s id, {letters}; `{kind.listed_by}` lists them")
    there = ids()
    if given in there:
        return given
    meant = [each for each in there if _means(given, each)]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        near = did_you_mean(given, there)
        raise error(f"there is no {kind.name} {given!r} in {kind.url}; `{kind.listed_by}` lists those that are{near}")
    more = f" and {len(meant) - _MOST_LISTED} more" if len(meant) > _MOST_LISTED else ""
    raise error(f"{given!r} may be any of {', '.join(meant[:_MOST_LISTED])}{more}; give more letters of it")


def latest(record: Record, runs: Sequence[str]) -> str:
    """Return which of ``runs`` was submitted last: by the time in their ids, to the second, then by their records."""
    last = max(map(_submitted, runs))
    return max((run for run in runs if _submitted(run) == last), key=lambda run: (_created(record, run), run))


def _submitted(run: str) -> str:
    found = _WHEN.search(run)
    return found.group(1) if found else ""


def _created(record: Record, run: str) -> float:
    """Return when a run was submitted; at no time if its record cannot be read."""
    try:
        return record.submitted(run).created_at
    except (FormatError, IncapableWorkerError, RunError):
        return 0.0


def _means(given: str, run: str) -> bool:
    if CUT in given:
        first, _, last = given.partition(CUT)
        return run.startswith(first) and run.endswith(last)
    return run.startswith(given) or run.endswith(f"-{given}")
