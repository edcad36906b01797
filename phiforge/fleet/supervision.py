"""The life of a message, the same for all services: every way that its work can end is an outcome.

It is checked before it comes here (``messages.py``). Here it must fit its run, an attempt at its work is held, and the
service's own function does it. What that raises says whose doing it was: the moment's, this worker's or the run's.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import NamedTuple

from phiforge.base.errors import AttemptError, IncapableWorkerError, RunError, StoreError
from phiforge.base.metrics import MESSAGES
from phiforge.fleet.fit import run_of
from phiforge.fleet.platform import Platform
from phiforge.fleet.refusals import Pause, Refusals
from phiforge.fleet.roster import Roster
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.queues import QueueName
from phiforge.runs.reconcile import fail, start_next
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.runs.troubles import Troubles

log = logging.getLogger(__name__)

_LEVELS = {Outcome.BROKEN: logging.WARNING, Outcome.DAMAGED: logging.INFO, Outcome.WAITING: logging.INFO}
"""How loud an outcome is; all others are for who looks closely: a run that failed was told of, and what is put back
comes round for as long as nobody can do it."""


class Asked(NamedTuple):
    """What a message says by itself, before its run is looked at."""

    message: str
    """Its kind, of ``messages.py``."""
    run: str
    work: str
    """How its work is called, in logs, attempts and reasons."""
    put_back: Callable[[], None]
    """Sends the message once more, for another worker."""


class Work(NamedTuple):
    """What is to be done for a message that fits its run."""

    attempts: str | None
    """Under which kind attempts at it are counted; None where they are not."""
    do: Callable[[], Outcome]
    """Does it. Raises NotReadyError, AttemptError, IncapableWorkerError or RunError where it cannot."""


Plan = Callable[[RunRecord], Work]
"""Returns the work of a message for its run; raises MessageError if it does not fit it."""


class Supervision:
    """Supervises the messages that one process takes from one queue."""

    def __init__(self, platform: Platform, queue: QueueName) -> None:
        self._platform, self._queue = platform, queue
        self._pause = Pause()

    def supervise(self, asked: Asked, plan: Plan) -> Outcome:
        """Do what a message asks for, and count and log what became of it.

        Raises MessageError if it does not fit its run: the queue drops it. Errors of the object storage and of Redis go
        through: what they leave undone is for ``reconcile`` to find.
        """
        try:
            outcome, why = self._end(asked, plan)
        except StoreError as error:
            Troubles(self._platform.exchange).note(self._queue, error)
            raise
        MESSAGES.labels(message=asked.message.removeprefix("phiforge."), outcome=outcome).inc()
        log.log(_LEVELS.get(outcome, logging.DEBUG), "%s of run %s: %s%s", asked.work, asked.run, outcome, why)
        return outcome

    def _end(self, asked: Asked, plan: Plan) -> tuple[Outcome, str]:
        """Return how the work of a message ended, and why if there is more to say."""
        try:
            outcome = self._do(asked, plan)
        except NotReadyError as reason:
            outcome = reason.outcome
        except AttemptError as error:
            return Outcome.BROKEN, f", will try again: {error}"
        except IncapableWorkerError as error:
            return self._refuse(asked, str(error)), f": {error}"
        except RunError as error:
            return self._fail(asked.run, str(error)), f": {error}"
        self._pause.worked()
        return outcome, ""

    def _do(self, asked: Asked, plan: Plan) -> Outcome:
        work = plan(run_of(self._platform, asked.run))
        with self._attempt(asked, work):
            return work.do()

    def _attempt(self, asked: Asked, work: Work) -> AbstractContextManager[None]:
        if work.attempts is None:
            return nullcontext()
        return self._platform.attempts.attempt(asked.run, work.attempts, asked.work)

    @cached_property
    def _refusals(self) -> Refusals:
        return Refusals(self._platform.exchange, Roster.of(self._platform, self._queue))

    def _refuse(self, asked: Asked, why: str) -> Outcome:
        """Put a message back for a worker that can, unless nobody in the fleet can, or nobody needs to any more."""
        if self._platform.record.status(asked.run) is not RunStatus.RUNNING:
            return Outcome.STOPPED
        if nobody_can := self._refusals.refuse(asked.run, why):
            return self._fail(asked.run, nobody_can)
        asked.put_back()
        self._pause.refused(asked.run, asked.work)
        return Outcome.INCAPABLE

    def _fail(self, run: str, reason: str) -> Outcome:
        """Fail a run that goes on; one that is over stays as it ended."""
        if self._platform.record.status(run) is not RunStatus.RUNNING:
            return Outcome.STOPPED
        fail(self._platform, run, reason)
        if self._queue != "sampling":  # which has no right to
            start_next(self._platform, keeps_checkpoints=self._queue == "training")
        return Outcome.FAILED
