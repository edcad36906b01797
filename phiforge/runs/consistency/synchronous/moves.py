"""One job of a synchronous run: its contribution, and the next version when it is the last one in."""

from collections.abc import Mapping

from phiforge.base.fault_points import reach
from phiforge.base.metrics import COMMITS_LOST, timed
from phiforge.runs.advance import advance, sample_ahead
from phiforge.runs.consistency.base import Consistency, Hands, Moved, OpenJob
from phiforge.runs.consistency.committing import commit_step
from phiforge.runs.consistency.synchronous.exchange import SynchronousExchange
from phiforge.runs.outcomes import Outcome
from phiforge.runs.record import RunStatus
from phiforge.runs.steps import Commit, Published, State, Ticket
from phiforge.runs.submitted import RunRecord


class Moves:
    """Moves runs with the hands of one trainer.

    The contribution that completes a step makes the version. Where that worker died, whoever meets a job whose
    contribution is there already does: ``reconcile`` sends one.
    """

    def __init__(self, protocol: Consistency, exchange: SynchronousExchange, hands: Hands) -> None:
        self._protocol, self._exchange, self._hands = protocol, exchange, hands
        self._platform = protocol.platform

    def move(self, record: RunRecord, version: int, job: int) -> Moved:
        """Move a run by one job; raises as ``Consistency.move``."""
        state, there = self._exchange.before_job(record.run, version, job)
        if state is None or state.head != version:
            return Moved(Outcome.STALE)
        if state.status is not RunStatus.RUNNING:
            return Moved(Outcome.STOPPED)
        at = OpenJob(record, state, job)
        return self._complete(at) if there else self.contribute_and_commit(at)

    def contribute_and_commit(self, at: OpenJob) -> Moved:
        """Move a run by a job whose contribution is not there; raises as ``Consistency.move``."""
        published, payload = self.contribute(at)
        own = {Ticket(at.state.head, at.job): payload} if published.outcome is Outcome.PUBLISHED else {}
        full = published.contributions == at.record.spec.outer.jobs
        return Moved(published.outcome, self._commit(at.record, at.state.head, own) if full else None)

    def contribute(self, at: OpenJob) -> tuple[Published, bytes]:
        """Compute and publish a job's contribution; return what became of it, and its bytes."""
        record, version, jobs = at.record, at.state.head, at.record.spec.outer.jobs
        payload, origin = self._hands.work(record, at.state, version, at.job)
        with timed("publish"):
            published = self._protocol.publish(record, Ticket(version, at.job), at.state, payload, origin)
        if published.contributions == max(1, jobs - 1):
            sample_ahead(self._protocol, record, version + 1)  # trainers wait for the last now: it delays none
        if published.contributions < jobs:  # else it would be in the way of the commit
            self._hands.published(record, version, published.contributions)
        reach("trainer.published")
        return published, payload

    def _complete(self, at: OpenJob) -> Moved:
        """Make the version if only that is missing."""
        count = len(self._exchange.contributed(at.record.run, at.state.head))
        full = count == at.record.spec.outer.jobs
        return Moved(Outcome.DUPLICATE, self._commit(at.record, at.state.head, {}) if full else None)

    def _commit(self, record: RunRecord, version: int, own: Mapping[Ticket, bytes]) -> OpenJob | None:
        """Make the next version, also of what is ``own``; return which of its jobs this trainer keeps, if any."""
        with timed("commit"):
            step = self._protocol.open_step(record, version, own)
            if step is None:
                COMMITS_LOST.inc()
                return None
            commit = commit_step(self._protocol, self._hands, record, step, own)
            return self._go_beyond(record, version, commit) if commit else None

    def _go_beyond(self, record: RunRecord, version: int, commit: Commit) -> OpenJob | None:
        """Do what follows from a commit; the job that is kept is the one that is not sent."""
        kept = self._keeps(record, commit.state(version + 1))
        advance(self._protocol, record, version + 1, kept.job if kept else None)
        self._hands.published(record, version, record.spec.outer.jobs)
        self._hands.keep(commit)
        return kept

    def _keeps(self, record: RunRecord, state: State) -> OpenJob | None:
        """Return which job of the new version to go on with: none if a message waits, or this trainer is to stop.

        So a version does not wait for a message from this trainer to itself, nor does any other run.
        """
        outbox = self._platform.outbox
        if state.head == record.spec.outer.versions or not outbox.serves_on or outbox.waiting():
            return None
        return OpenJob(record, state, self._hands.kept(record, state.head))
