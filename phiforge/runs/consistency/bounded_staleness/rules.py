"""Tickets: what the jobs of a run with bounded staleness are.

A ticket is a job of a version: it names the job's episodes. Each is applied once, but not always to its own version: a
version is made of as many contributions as it has jobs, of those that came first. The tickets that may be worked on are
those of the head's version and of ``staleness`` versions after it, less those that were applied.
"""

from collections.abc import Iterable
from typing import NamedTuple, Self

from phiforge.base.errors import FormatError
from phiforge.spec.run import RunSpec


class Ticket(NamedTuple):
    """A job of a version; contributions are reduced in order of it."""

    version: int
    job: int

    def __str__(self) -> str:
        return f"{self.version}:{self.job}"

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what ``str`` gave; raises ValueError for anything else."""
        version, _, job = text.decode().partition(":")
        return cls(int(version), int(job))


class Move(NamedTuple):
    """What the commit of a version does to tickets: those it used are gone, others may be worked on from then on.

    ``records``: the head must not leave that version before it has a checkpoint.
    """

    used: list[Ticket]
    opened: list[Ticket]
    staleness: int
    records: bool


def is_ticketed(spec: RunSpec) -> bool:
    """Say whether a run applies contributions as they come."""
    return spec.consistency == "bounded_staleness"


def opened_by(spec: RunSpec, head: int) -> list[Ticket]:
    """Return the tickets that may be worked on once ``head`` is reached, and not before."""
    version = head + spec.staleness
    return [Ticket(version, job) for job in range(spec.outer.jobs)] if version < spec.outer.versions else []


def first_tickets(spec: RunSpec, start: int) -> list[Ticket]:
    """Return the tickets that may be worked on where a run starts."""
    versions = range(start, min(start + spec.staleness + 1, spec.outer.versions))
    return [Ticket(version, job) for version in versions for job in range(spec.outer.jobs)]


def overdue(spec: RunSpec, head: int, tickets: Iterable[Ticket]) -> list[Ticket]:
    """Return which ``tickets`` were sent so long ago that what comes of them would be too stale: messages get lost.

    Each is returned once in as many versions as a contribution may lag.
    """
    patience = spec.staleness + 1
    return sorted(each for each in tickets if head - each.version >= patience and not (head - each.version) % patience)


def move_of(spec: RunSpec, head: int, used: Iterable[Ticket]) -> Move:
    """Return what the commit of ``head + 1`` does to tickets."""
    return Move(list(used), opened_by(spec, head + 1), spec.staleness, spec.records_at(head + 1))


def applied(spec: RunSpec, head: int, tickets: Iterable[Ticket], used: Iterable[Ticket]) -> tuple[Ticket, ...]:
    """Return the open tickets after the commit of ``head + 1``, which used some of those before."""
    return tuple(sorted({*tickets, *opened_by(spec, head + 1)} - set(used)))


def to_json(tickets: Iterable[Ticket]) -> list[list[int]]:
    """Return tickets as JSON values."""
    return [list(ticket) for ticket in tickets]


def from_json(values: object) -> tuple[Ticket, ...]:
    """Read what ``to_json`` gave; raises FormatError for anything else."""
    try:
        return tuple(Ticket(int(version), int(job)) for version, job in values)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise FormatError(f"not a list of tickets: {str(values)[:80]}") from error
