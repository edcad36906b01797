"""Which of the contributions that wait make the next version: the stalest first."""

from typing import NamedTuple

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness.exchange import Waiting
from phiforge.runs.steps import Ticket


class Chosen(NamedTuple):
    """What becomes of the contributions that wait.

    ``used`` make the next version, in order of ticket, and are none if there are too few; ``old`` became too old while
    they waited. Those in neither go on waiting.
    """

    used: list[Ticket]
    old: list[Ticket]


def choose(waiting: Waiting, jobs: int) -> Chosen:
    """Return which contributions make the next version, of as many as it has ``jobs``."""
    seen = {ticket: phi_version(origin) for ticket, origin in waiting.origins.items()}
    fresh = [ticket for ticket in seen if seen[ticket] in waiting.admitted]
    stalest = sorted(fresh, key=lambda ticket: (seen[ticket], ticket))[:jobs]
    return Chosen(sorted(stalest) if len(stalest) == jobs else [], sorted(seen.keys() - set(fresh)))


def phi_version(origin: bytes) -> int:
    """Return which φ a contribution was computed from, or -1 if what lies beside it is damaged."""
    try:
        seen = Origin.from_bytes(origin).phi_version
    except FormatError:
        return -1
    return -1 if seen is None else seen
