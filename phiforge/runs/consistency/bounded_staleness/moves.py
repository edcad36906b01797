"""One job of a run with bounded staleness: contributions wait, and every full set of them makes a version."""

from phiforge.base.fault_points import reach
from phiforge.base.metrics import STALENESS, timed
from phiforge.runs.advance import advance, sample_ahead
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import Consistency, Hands, Moved
from phiforge.runs.consistency.bounded_staleness.choosing import phi_version
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange
from phiforge.runs.consistency.committing import commit_step
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.record import RunStatus
from phiforge.runs.steps import OpenStep, Published, State, Ticket
from phiforge.runs.submitted import RunRecord

_MOST_LOOKS = 10
"""Times a trainer looks for φ of a head that moves on while it looks, before it takes another message."""


class Moves:
    """Moves runs with the hands of one trainer.

    The contribution that fills a set makes the version. Where that worker died, whoever meets a ticket whose
    contribution is there already does: ``reconcile`` sends one.
    """

    def __init__(self, protocol: Consistency, exchange: TicketExchange, hands: Hands) -> None:
        self._protocol, self._exchange, self._hands = protocol, exchange, hands
        self._platform = protocol.platform

    def move(self, record: RunRecord, ticket: Ticket) -> Moved:
        """Move a run by one ticket; raises as ``Consistency.move``."""
        jobs = record.spec.outer.jobs
        wanted, count = self._exchange.is_wanted(record.run, ticket)
        outcome = Outcome.DUPLICATE
        if wanted:
            outcome, count = self._contribute(record, ticket)
        if count >= jobs and (outcome is Outcome.DUPLICATE or not count % jobs):
            while self._commit(record):
                pass
        if outcome is Outcome.OLD:
            self._send_again(record, ticket)
        return Moved(outcome)

    def _contribute(self, record: RunRecord, ticket: Ticket) -> Published:
        state, payload, origin = self._work(record, ticket)
        with timed("publish"):
            published = self._protocol.publish(record, ticket, state, payload, origin)
        reach("trainer.published")
        return published

    def _work(self, record: RunRecord, ticket: Ticket) -> tuple[State, bytes, Origin]:
        """Return the contribution of a ticket and the head it was computed from, whichever that was."""
        for _ in range(_MOST_LOOKS):
            state = self._running_state(record)
            try:
                return state, *self._hands.work(record, state, *ticket)
            except NotReadyError as error:
                if error.outcome is not Outcome.STALE:
                    raise
        self._send_again(record, ticket)
        raise NotReadyError(Outcome.STALE)

    def _running_state(self, record: RunRecord) -> State:
        state = self._platform.exchange.state(record.run)
        if state is None or state.status is not RunStatus.RUNNING:
            raise NotReadyError(Outcome.STALE if state is None else Outcome.STOPPED)
        return state

    def _commit(self, record: RunRecord) -> bool:
        """Make a version of the contributions that wait; False if there are too few, or another was faster."""
        with timed("commit"):
            step = self._protocol.open_step(record)
            commit = commit_step(self._protocol, self._hands, record, step) if step else None
            if not step or not commit:
                return False
            self._hands.keep(commit)
            _observe_staleness(step)
            advance(self._protocol, record, step.head + 1)
            sample_ahead(self._protocol, record, step.head + 1)
        return True

    def _send_again(self, record: RunRecord, ticket: Ticket) -> None:
        self._platform.outbox.train(record.run, *ticket)


def _observe_staleness(step: OpenStep) -> None:
    for origin in step.origins.values():
        STALENESS.observe(step.head - phi_version(origin))
