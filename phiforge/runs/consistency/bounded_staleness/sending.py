"""How runs with tickets move: which tickets are sent when, and which again."""

from collections.abc import Iterable, Sequence

from phiforge.base.metrics import RESENT
from phiforge.runs.consistency.bounded_staleness import Ticket, first_tickets, is_ticketed, opened_by, overdue
from phiforge.runs.platform import Platform
from phiforge.runs.record import Checkpoint, RunRecord


def tickets_at(record: RunRecord, checkpoint: Checkpoint) -> tuple[Ticket, ...] | None:
    """Return the tickets that are open at a checkpoint: those it lists, else all that may be; None without tickets."""
    if not is_ticketed(record.spec):
        return None
    return checkpoint.tickets or tuple(first_tickets(record.spec, checkpoint.version))


def send(platform: Platform, record: RunRecord, head: int) -> None:
    """Send the tickets that ``head`` opens, and those that must have been lost; let it go on if it is recorded."""
    if record.spec.records_at(head) and platform.record.has_checkpoint(record.run, head):
        platform.tickets.recorded(record.run, head)
    _send(platform, record, opened_by(record.spec, head))
    late = overdue(record.spec, head, platform.tickets.open(record.run))
    if late:
        waiting = platform.tickets.waiting(record.run)
        _send_again(platform, record, [ticket for ticket in late if ticket not in waiting])


def send_before(platform: Platform, record: RunRecord, head: int, tickets: Iterable[Ticket]) -> None:
    """Send those of ``tickets`` that were open before ``head``: what ``send`` does not."""
    _send(platform, record, sorted(set(tickets) - set(opened_by(record.spec, head))))


def resend(platform: Platform, record: RunRecord, head: int) -> None:
    """Send again what a silent run lacks: episodes and tickets; or any ticket, if only the commit is missing."""
    if record.spec.records_at(head) and platform.record.has_checkpoint(record.run, head):
        platform.tickets.recorded(record.run, head)
    tickets = platform.tickets.open(record.run)
    for version in sorted({ticket.version for ticket in tickets}):
        jobs = (ticket.job for ticket in tickets if ticket.version == version)
        if platform.record.missing_episodes(record.run, version, jobs):
            RESENT.labels(kind="sampling").inc()
            platform.queue.sample_training(record.run, version)
    waiting = platform.tickets.waiting(record.run)
    commits = sorted(waiting)[:1] if len(waiting) >= record.spec.outer.jobs else []
    _send_again(platform, record, [*commits, *sorted(tickets - waiting)])


def _send(platform: Platform, record: RunRecord, tickets: Iterable[Ticket]) -> None:
    for ticket in tickets:
        platform.queue.train(record.run, ticket.version, ticket.job)


def _send_again(platform: Platform, record: RunRecord, tickets: Sequence[Ticket]) -> None:
    RESENT.labels(kind="job").inc(len(tickets))
    _send(platform, record, tickets)
