"""How runs with tickets move: which tickets are sent when, and which again."""

from collections.abc import Iterable, Sequence

from phiforge.base.metrics import RESENT
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange
from phiforge.runs.consistency.bounded_staleness.rules import BoundedStalenessRules
from phiforge.runs.platform import RunPlatform
from phiforge.runs.steps import Ticket
from phiforge.runs.submitted import RunRecord


class Sending:
    """Sends the tickets of one run."""

    def __init__(self, platform: RunPlatform, exchange: TicketExchange, record: RunRecord) -> None:
        self._platform, self._exchange, self._record = platform, exchange, record
        self._rules = BoundedStalenessRules(record.spec)

    def follow(self, head: int) -> None:
        """Send the tickets that ``head`` opens, and those that must have been lost; let it go on if it is recorded."""
        self._let_go(head)
        self.send(self._rules.opened_by(head))
        if late := self._rules.overdue(head, self._exchange.open(self._record.run)):
            waiting = self._exchange.waiting(self._record.run)
            self._send_again([ticket for ticket in late if ticket not in waiting])

    def resend(self, head: int) -> None:
        """Send again what a silent run lacks: episodes and tickets; or any ticket, if only the commit is missing."""
        self._let_go(head)
        tickets, waiting = self._exchange.open(self._record.run), self._exchange.waiting(self._record.run)
        self._sample_missing(tickets)
        commits = sorted(waiting)[:1] if len(waiting) >= self._record.spec.outer.jobs else []
        self._send_again([*commits, *sorted(tickets - waiting)])

    def send(self, tickets: Iterable[Ticket]) -> None:
        """Send ``tickets``."""
        self._platform.outbox.train_together(self._record.run, tickets)

    def _let_go(self, head: int) -> None:
        run = self._record.run
        if self._record.spec.records_at(head) and self._platform.record.has_checkpoint(run, head):
            self._exchange.recorded(run, head)

    def _sample_missing(self, tickets: Iterable[Ticket]) -> None:
        jobs: dict[int, list[int]] = {}
        for version, job in sorted(tickets):
            jobs.setdefault(version, []).append(job)
        for version, asked in jobs.items():
            if self._platform.record.missing_episodes(self._record.run, version, asked):
                RESENT.labels(kind="sampling").inc()
                self._platform.outbox.sample_training(self._record.run, version)

    def _send_again(self, tickets: Sequence[Ticket]) -> None:
        RESENT.labels(kind="job").inc(len(tickets))
        self.send(tickets)
