"""The rules of runs with bounded staleness: which tickets there are when.

A ticket is a job of a version: it names the job's episodes. Each is applied once, but not always to its own version: a
version is made of as many contributions as it has jobs, of those that came first. The tickets that may be worked on are
those of the head's version and of ``staleness`` versions after it, less those that were applied.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from phiforge.base.errors import FormatError
from phiforge.runs.commit_log import Entry, Work, works_of
from phiforge.runs.consistency.base import Rules
from phiforge.runs.record import Extras
from phiforge.runs.steps import Ticket

TICKETS = "tickets"
"""The name in a checkpoint's extras of the tickets that are in no version yet."""


class Move(NamedTuple):
    """What the commit of a version does to tickets: those it used are gone, others may be worked on from then on.

    ``records``: the head must not leave that version before it has a checkpoint.
    """

    used: list[Ticket]
    opened: list[Ticket]
    staleness: int
    records: bool


class BoundedStalenessRules(Rules):
    """Contributions are applied as they come, if they do not lag too far."""

    name: ClassVar[str] = "bounded_staleness"
    in_step: ClassVar[bool] = False
    bit_reproducible: ClassVar[bool] = False

    @property
    def reach(self) -> int:
        """Return how many versions φ may have moved on while a contribution was computed."""
        return self.spec.staleness

    def open_at(self, start: int, extras: Extras) -> list[Ticket]:
        """Return the tickets that a checkpoint lists; all that there may be at its version if it lists none."""
        listed = from_json(extras[TICKETS]) if TICKETS in extras else ()
        return sorted(listed) or self.first_tickets(start)

    def first_tickets(self, start: int) -> list[Ticket]:
        """Return the tickets that may be worked on where a run starts."""
        return [ticket for version in range(start, start + self.reach + 1) for ticket in self._jobs_of(version)]

    def opened_by(self, head: int) -> list[Ticket]:
        """Return the tickets of the version that is as far ahead of ``head`` as may be worked on."""
        return self._jobs_of(head + self.reach)

    def overdue(self, head: int, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Return which ``tickets`` were sent so long ago that what comes of them would be too stale: messages get lost.

        Each is returned once in as many versions as a contribution may lag.
        """
        patience = self.reach + 1
        lags = ((ticket, head - ticket.version) for ticket in tickets)
        return sorted(ticket for ticket, lag in lags if lag >= patience and not lag % patience)

    def move_of(self, head: int, used: Iterable[Ticket]) -> Move:
        """Return what the commit of ``head + 1`` does to tickets."""
        return Move(list(used), self.opened_by(head + 1), self.reach, self.spec.records_at(head + 1))

    def extras_after(self, head: int, extras: Extras, used: Iterable[Ticket]) -> Extras:
        """Return the open tickets after the commit of ``head + 1``, which used some of those before."""
        before = self.open_at(head, extras)
        return to_extras(sorted({*before, *self.opened_by(head + 1)} - set(used)))

    def noted(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return all: which contributions came first, and from which φ, nothing else tells."""
        return works

    def is_determined(self, start: int, entries: Iterable[Entry]) -> bool:
        """Say whether none of the versions was made from a φ before that of ``start``."""
        jobs = self.spec.outer.jobs
        return all(work.phi_version >= start for entry in entries for work in works_of(entry, jobs))


def to_extras(tickets: Iterable[Ticket]) -> Extras:
    """Return open tickets as a checkpoint lists them."""
    return {TICKETS: [list(ticket) for ticket in tickets]}


def from_json(values: Any) -> tuple[Ticket, ...]:  # noqa: ANN401 - any JSON value
    """Read the tickets that a checkpoint lists; raises FormatError for anything else."""
    try:
        return tuple(Ticket(int(version), int(job)) for version, job in values)
    except (TypeError, ValueError) as error:
        raise FormatError(f"not a list of tickets: {str(values)[:80]}") from error
