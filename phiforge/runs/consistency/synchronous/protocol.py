"""Synchronous runs: every version waits for all of its jobs, and φ is the same to the bit whatever the fleet does."""

from collections.abc import Mapping, Sequence

from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import Consistency, Hands, Moved, OpenJob
from phiforge.runs.consistency.synchronous.exchange import SynchronousExchange
from phiforge.runs.consistency.synchronous.moves import Moves
from phiforge.runs.consistency.synchronous.rules import SynchronousRules
from phiforge.runs.consistency.synchronous.sending import resend
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Extras
from phiforge.runs.steps import Commit, OpenStep, Published, State, Ticket
from phiforge.runs.submitted import RunRecord


class Synchronous(Consistency):
    """Moves synchronous runs."""

    def __init__(self, platform: RunPlatform) -> None:
        super().__init__(platform)
        self.exchange = SynchronousExchange(platform.exchange)

    def rules(self, record: RunRecord) -> SynchronousRules:
        """Return the rules of a run."""
        return SynchronousRules(record.spec)

    def attempts_kind(self, version: int) -> str:
        """Return the version: what was attempted before its commit does not count after it."""
        return str(version)

    def move(self, hands: Hands, record: RunRecord, version: int, job: int) -> Moved:
        """Move a run by one job; one of another version than the head's is stale."""
        return Moves(self, self.exchange, hands).move(record, version, job)

    def go_on(self, hands: Hands, kept: OpenJob) -> Moved:
        """Move a run by a job that a trainer kept to itself."""
        return Moves(self, self.exchange, hands).contribute_and_commit(kept)

    def contributed(self, run: str, version: int) -> set[Ticket]:
        """Return the jobs whose contributions to the open step are there."""
        return {Ticket(version, job) for job in self.exchange.contributed(run, version)}

    def publish(self, record: RunRecord, ticket: Ticket, state: State, payload: bytes, origin: Origin) -> Published:
        """Add a job's contribution to the open step, unless it is there or the step is over."""
        return self.exchange.publish(record.run, ticket.version, ticket.job, payload, origin)

    def open_step(
        self, record: RunRecord, head: int | None = None, own: Mapping[Ticket, bytes] | None = None
    ) -> OpenStep | None:
        """Return what the next version is made of; None if ``head`` is past, or not all contributions are in."""
        if head is None:
            state = self.platform.exchange.state(record.run)
            return self.open_step(record, state.head, own) if state else None
        return self.exchange.open_step(record.run, head, record.spec.outer.jobs, own or {})

    def commit(self, record: RunRecord, step: OpenStep, commit: Commit) -> bool:
        """Make ``commit`` the head; False if another worker was first or the step is over."""
        return self.exchange.commit(record.run, step.head, record.spec.outer.jobs, commit)

    def drop(self, record: RunRecord, head: int, tickets: Sequence[Ticket]) -> None:
        """Take contributions out of the open step, and ask for them again."""
        self.exchange.drop(record.run, head, [ticket.job for ticket in tickets])
        self.platform.outbox.train_together(record.run, tickets)

    def restore(self, record: RunRecord, checkpoint: Checkpoint) -> bool:
        """Make a checkpoint the head if Redis has none or an older one; False if there was nothing to do."""
        return self.exchange.restore(record.run, checkpoint.encoded())

    def send(self, record: RunRecord, version: int, kept: int | None = None) -> None:
        """Send the jobs of ``version`` but the one that is kept."""
        tickets = [ticket for ticket in self.rules(record).opened_by(version) if ticket.job != kept]
        self.platform.outbox.train_together(record.run, tickets)

    def send_open(self, record: RunRecord, checkpoint: Checkpoint) -> None:
        """Send nothing: ``send`` sends all."""

    def resend(self, record: RunRecord, head: int) -> None:
        """Send again what the open step lacks."""
        resend(self.platform, record, head, self.exchange.contributed(record.run, head))

    def checkpoint_extras(self, record: RunRecord, version: int) -> Extras | None:
        """Return nothing to list."""
        return {}

    def wants_episodes(self, record: RunRecord, state: State, version: int) -> bool:
        """Say whether ``version`` is not past."""
        return version >= state.head
