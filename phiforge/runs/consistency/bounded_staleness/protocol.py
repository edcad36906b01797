"""Runs with bounded staleness: nobody waits for the slowest, and the log says what each version was made of."""

from collections.abc import Mapping, Sequence

from phiforge.base.metrics import COMMITS_LOST, JOBS
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import Consistency, Hands, Moved, OpenJob
from phiforge.runs.consistency.bounded_staleness.choosing import choose
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange, Waiting
from phiforge.runs.consistency.bounded_staleness.moves import Moves
from phiforge.runs.consistency.bounded_staleness.rules import BoundedStalenessRules, to_extras
from phiforge.runs.consistency.bounded_staleness.sending import Sending
from phiforge.runs.outcomes import Outcome
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Extras
from phiforge.runs.steps import Commit, OpenStep, Published, State, Ticket
from phiforge.runs.submitted import RunRecord

_MOST_LOOKS = 3
"""Times that a set is read which changes while it is read, before it is left to ``reconcile``."""


class BoundedStaleness(Consistency):
    """Moves runs with bounded staleness."""

    def __init__(self, platform: RunPlatform) -> None:
        super().__init__(platform)
        self.exchange = TicketExchange(platform.exchange)

    def rules(self, record: RunRecord) -> BoundedStalenessRules:
        """Return the rules of a run."""
        return BoundedStalenessRules(record.spec)

    def attempts_kind(self, version: int) -> str:
        """Return one kind for all: a ticket may be tried at many heads."""
        return "tickets"

    def move(self, hands: Hands, record: RunRecord, version: int, job: int) -> Moved:
        """Move a run by one ticket, from whichever φ is the head."""
        return Moves(self, self.exchange, hands).move(record, Ticket(version, job))

    def go_on(self, hands: Hands, kept: OpenJob) -> Moved:
        """Move a run by a ticket that a trainer kept to itself, like any other."""
        return self.move(hands, kept.record, kept.state.head, kept.job)

    def contributed(self, run: str, version: int) -> set[Ticket]:
        """Return the tickets whose contributions wait to be applied, whatever the version."""
        return self.exchange.waiting(run)

    def publish(self, record: RunRecord, ticket: Ticket, state: State, payload: bytes, origin: Origin) -> Published:
        """Let a ticket's contribution wait, unless it is not wanted."""
        seen = origin._replace(phi_version=state.head)
        return self.exchange.publish(record.run, ticket, state.phi_hash, payload, seen)

    def open_step(
        self, record: RunRecord, head: int | None = None, own: Mapping[Ticket, bytes] | None = None
    ) -> OpenStep | None:
        """Return what the next version is made of: the stalest of what waits; None if that is too little.

        What became too old while it waited is dropped and asked for again. What changes between two looks is looked at
        once more, for nobody else may come to make the version.
        """
        for _ in range(_MOST_LOOKS):
            step, is_last = self._look(record, head)
            if step or is_last:
                return step
            COMMITS_LOST.inc()
        return None

    def _look(self, record: RunRecord, head: int | None) -> tuple[OpenStep | None, bool]:
        """Return what the next version is made of, if that did not change meanwhile; and whether to look no more."""
        waiting = self.exchange.waiting_to_apply(record.run)
        if waiting is None or waiting.held or head not in (None, waiting.head):
            return None, True
        used = self._chosen(record, waiting)
        if not used:
            return None, True
        return self.exchange.open_step(record.run, waiting, used), False

    def commit(self, record: RunRecord, step: OpenStep, commit: Commit) -> bool:
        """Make ``commit`` the head; False if another worker was first or the run is over."""
        move = self.rules(record).move_of(step.head, step.contributions)
        return self.exchange.commit(record.run, step.head, move, commit)

    def drop(self, record: RunRecord, head: int, tickets: Sequence[Ticket]) -> None:
        """Take damaged contributions out of what waits, and ask for them again."""
        self._drop(record, tickets, Outcome.DAMAGED)

    def restore(self, record: RunRecord, checkpoint: Checkpoint) -> bool:
        """Make a checkpoint the head, with the tickets that are open at it; False if there was nothing to do."""
        return self.exchange.restore(record.run, checkpoint.encoded(), self._open_at(record, checkpoint))

    def send(self, record: RunRecord, version: int, kept: int | None = None) -> None:
        """Send the tickets that ``version`` opens, and those that must have been lost; none is ever kept."""
        self._sending(record).follow(version)

    def send_open(self, record: RunRecord, checkpoint: Checkpoint) -> None:
        """Send the tickets of a checkpoint that were open before its version was reached."""
        opened = self.rules(record).opened_by(checkpoint.version)
        self._sending(record).send(sorted(set(self._open_at(record, checkpoint)) - set(opened)))

    def resend(self, record: RunRecord, head: int) -> None:
        """Send again what a silent run lacks."""
        self._sending(record).resend(head)

    def checkpoint_extras(self, record: RunRecord, version: int) -> Extras | None:
        """Return the tickets that are in no version yet; None if ``version`` is not the head any more."""
        tickets = self.exchange.open_at(record.run, version)
        return None if tickets is None else to_extras(tickets)

    def wants_episodes(self, record: RunRecord, state: State, version: int) -> bool:
        """Say whether ``version`` is not past, or a ticket of it is open."""
        return version >= state.head or any(ticket.version == version for ticket in self.exchange.open(record.run))

    def _chosen(self, record: RunRecord, waiting: Waiting) -> list[Ticket]:
        used, old = choose(waiting, record.spec.outer.jobs)
        if old:
            self._drop(record, old, Outcome.OLD)
        return used

    def _drop(self, record: RunRecord, tickets: Sequence[Ticket], outcome: Outcome) -> None:
        self.exchange.drop(record.run, tickets)
        JOBS.labels(outcome=outcome.value).inc(len(tickets))
        self._sending(record).send(tickets)

    def _open_at(self, record: RunRecord, checkpoint: Checkpoint) -> list[Ticket]:
        return self.rules(record).open_at(checkpoint.version, checkpoint.extras)

    def _sending(self, record: RunRecord) -> Sending:
        return Sending(self.platform, self.exchange, record)
