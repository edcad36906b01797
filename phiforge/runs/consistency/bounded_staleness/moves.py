"""One job of a run with bounded staleness: contributions wait, and every full set of them makes a version."""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from phiforge.base.errors import FormatError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import COMMITS, COMMITS_LOST, DAMAGED, JOBS, STALENESS, timed
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.bounded_staleness import Ticket, move_of
from phiforge.runs.consistency.bounded_staleness.exchange import Waiting
from phiforge.runs.consistency.committing import damaged_jobs
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.reconcile import advance, sample_ahead
from phiforge.runs.record import RunRecord
from phiforge.runs.steps import OpenStep, Published, State

if TYPE_CHECKING:
    from trainer.worker import Trainer

log = logging.getLogger(__name__)

_MOST_LOOKS = 10
"""Times a trainer looks for φ of a head that moves on while it looks, before it takes another message."""


class Ticketed:
    """Moves runs with tickets, with the hands of a trainer."""

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.platform = trainer.platform

    def move(self, record: RunRecord, ticket: Ticket) -> str:
        """Move a run by one ticket, and say what became of it.

        The contribution that fills a set makes the version. Where that worker died, whoever meets a ticket whose
        contribution is there already does: ``reconcile`` sends one.
        """
        jobs = record.spec.outer.jobs
        wanted, count = self.platform.tickets.is_wanted(record.run, ticket)
        outcome = "duplicate"
        if wanted:
            outcome, count = self._contribute(record, ticket)
        if count >= jobs and (outcome == "duplicate" or not count % jobs):
            while self._commit(record):
                pass
        if outcome == "old":
            self._send_again(record, ticket)
        return outcome

    def _contribute(self, record: RunRecord, ticket: Ticket) -> Published:
        state, payload, origin = self._work(record, ticket)
        with timed("publish"):
            origin = origin._replace(phi_version=state.head)
            published = self.platform.tickets.publish(record.run, ticket, state.phi_hash, payload, origin)
        reach("trainer.published")
        return published

    def _work(self, record: RunRecord, ticket: Ticket) -> tuple[State, bytes, Origin]:
        """Return the contribution of a ticket and the head it was computed from, whichever that was."""
        for _ in range(_MOST_LOOKS):
            state = self.platform.exchange.state(record.run)
            if state is None or state.status != "running":
                raise NotReadyError(Outcome.STALE if state is None else Outcome.STOPPED)
            try:
                return state, *self.trainer.work(record, state, *ticket)
            except NotReadyError as reason:
                if reason.outcome != Outcome.STALE:
                    raise
        self._send_again(record, ticket)
        raise NotReadyError(Outcome.STALE)

    def _commit(self, record: RunRecord) -> bool:
        """Make a version of the contributions that wait; False if there are too few, or another was faster."""
        with timed("commit"):
            waiting = self.platform.tickets.look(record.run)
            chosen = self._choose(record, waiting) if waiting and not waiting.held else {}
            if not waiting or not chosen:
                return False
            step = self.platform.tickets.open_step(record.run, waiting, sorted(chosen))
            if step is None:
                COMMITS_LOST.inc()
                return False
            self._check(record, step)
            commit, move = self.trainer.next_version(record, step), move_of(record.spec, step.head, step.contributions)
            reach("trainer.reduced")
            if not self.platform.exchange.commit(record.run, step.head, record.spec.outer.jobs, commit, move):
                COMMITS_LOST.inc()
                return False
            COMMITS.inc()
            self.trainer.head.keep(commit)
            reach("trainer.committed")
            for phi_version in chosen.values():
                STALENESS.observe(step.head - phi_version)
            advance(self.platform, record, step.head + 1)
            sample_ahead(self.platform, record, step.head + 1)
        return True

    def _choose(self, record: RunRecord, waiting: Waiting) -> dict[Ticket, int]:
        """Return the tickets of the next version with the version each saw: the stalest first, if more are there.

        Those that became too old while they waited are dropped and asked for again.
        """
        seen = {ticket: _phi_version(origin) for ticket, origin in waiting.origins.items()}
        fresh = {ticket: version for ticket, version in seen.items() if version in waiting.admitted}
        if old := seen.keys() - fresh.keys():
            self._drop(record, old, "old")
        if len(fresh) < record.spec.outer.jobs:
            return {}
        first = sorted(fresh.items(), key=lambda item: (item[1], item[0]))
        return dict(first[: record.spec.outer.jobs])

    def _check(self, record: RunRecord, step: OpenStep[Ticket]) -> None:
        """Drop what is damaged in the step and ask for it again; raises NotReadyError if there is any."""
        if damaged := damaged_jobs(step):
            log.error("run %s: dropping damaged contributions of tickets %s", record.run, damaged)
            DAMAGED.inc(len(damaged))
            self._drop(record, damaged, "damaged")
            raise NotReadyError(Outcome.DAMAGED)

    def _drop(self, record: RunRecord, tickets: Collection[Ticket], outcome: str) -> None:
        self.platform.tickets.drop(record.run, tickets)
        JOBS.labels(outcome=outcome).inc(len(tickets))
        for ticket in tickets:
            self._send_again(record, ticket)

    def _send_again(self, record: RunRecord, ticket: Ticket) -> None:
        self.platform.queue.train(record.run, *ticket)


def _phi_version(origin: bytes) -> int:
    """Return which φ a contribution was computed from, or -1 if what lies beside it is damaged."""
    try:
        seen = Origin.from_bytes(origin).phi_version
    except FormatError:
        return -1
    return -1 if seen is None else seen
