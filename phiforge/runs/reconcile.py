"""How runs are helped: ``reconcile`` compares what is with what should be, whenever something may have been lost.

Progress is level-triggered: it does what is missing, and all of it is idempotent.
"""

import logging
from contextlib import suppress

from redis.exceptions import NoPermissionError, RedisError

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError, StoreError
from phiforge.base.metrics import FAILED_RUNS, RESENT
from phiforge.runs import judging
from phiforge.runs.advance import ensure_checkpoint
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.restoring import restore
from phiforge.runs.studies.look import look_at_all
from phiforge.runs.submitted import RunRecord
from phiforge.runs.troubles import Troubles
from phiforge.runs.waiting.admission import admit, keep_held
from phiforge.runs.waiting.line import Line

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0
"""Short, for whoever holds it may die: two that reconcile the same run cost time, never correctness."""


def reconcile_all(platform: RunPlatform, keeps_checkpoints: bool = True) -> None:
    """Reconcile every active run that nobody else is looking at, and let those come whose turn it is.

    An error of one run does not keep the others. Raises IncapableWorkerError, when all others were looked at, if this
    process cannot read some: others must look too.
    """
    for run in platform.record.ended():
        if platform.exchange.retention_due(run, platform.settings.stall_seconds):
            platform.outbox.retain(run)
            _leave_line(platform, run)
    left: list[str] = []
    active = platform.record.active()
    for run in active:
        with platform.locks.hold(f"reconcile:{run}", LOCK_SECONDS) as mine:
            if mine:
                left += _reconcile_alone(platform, run, keeps_checkpoints)
            else:
                _see(platform, run)
    for run in set(platform.exchange.seen.those_going()).difference(active):
        _let_go(platform, run)
    if keeps_checkpoints:  # a trial begins with one
        left += look_at_all(platform)
    left += start_next(platform, keeps_checkpoints)
    if left:
        raise IncapableWorkerError("; ".join(left))


def start_next(platform: RunPlatform, keeps_checkpoints: bool = True) -> list[str]:
    """Admit the runs whose turn it is, and set them going; return why some are left to others, if they are."""
    return [why for run in admit(platform) for why in _reconcile_alone(platform, run, keeps_checkpoints)]


def _see(platform: RunPlatform, run: str) -> None:
    state = platform.exchange.state(run)
    platform.sightings.note(run, state)
    if state and state.status is RunStatus.RUNNING:
        platform.exchange.seen.going(run)


def _leave_line(platform: RunPlatform, run: str) -> None:
    """Take a run that is over out of the queue, if it was held when it ended."""
    line = Line(platform.store, platform.exchange)
    if held := line.held(run):
        line.remove(held)


def _let_go(platform: RunPlatform, run: str) -> None:
    """Let Redis forget a run that goes on there and is not active: it was held, or ended, while it was restored."""
    if platform.record.is_active(run):
        return
    status = platform.record.status(run)
    if status is RunStatus.RUNNING:
        platform.exchange.forget(run)
    else:
        platform.exchange.stop(run, status)


def _reconcile_alone(platform: RunPlatform, run: str, keeps_checkpoints: bool) -> list[str]:
    """Reconcile ``run``; an error that trying again cannot mend is its end, no other is, and none is another run's.

    Return why it is left to others, if it is.
    """
    try:
        _see(platform, run)
        reconcile(platform, run, keeps_checkpoints)
    except (FormatError, RunError) as error:
        fail(platform, run, f"it cannot go on: {error}")
    except IncapableWorkerError as error:
        return [f"run {run}: {error}"]
    except StoreError as error:
        log.exception("cannot reconcile run %s", run)
        Troubles(platform.exchange).note("training" if keeps_checkpoints else "evaluation", error)
    except RedisError:
        raise
    except Exception:
        log.exception("cannot reconcile run %s", run)
    return []


def reconcile(platform: RunPlatform, run: str, keeps_checkpoints: bool = True) -> None:
    """Compare what is with what should be, and do what is missing.

    Who may not write checkpoints (``keeps_checkpoints`` is False) leaves a head that lacks its own to those who may.
    """
    status = platform.record.status(run)
    if status is not RunStatus.RUNNING:
        _lay_down(platform, run, status)
        return
    if keep_held(platform, Line(platform.store, platform.exchange), run):
        return
    record = platform.run(run)  # after that: a run that is over is put to rest also by who cannot read it
    state = platform.exchange.state(run)
    if state and state.status is not RunStatus.RUNNING:
        if platform.record.status(run) is not RunStatus.RUNNING:
            return  # it ended since that was read, as the record says before Redis does
        platform.exchange.forget(run)
        state = None
    if state is None or state.head < max(platform.record.checkpoints(run), default=0):
        restore(platform, record)
        if (status := platform.record.status(run)) is not RunStatus.RUNNING:  # it ended meanwhile, and was restored
            platform.exchange.stop(run, status)
        elif not platform.record.is_active(run):  # or it was held
            platform.exchange.forget(run)
        return
    _help_if_silent(platform, record, state.head, keeps_checkpoints)


def _lay_down(platform: RunPlatform, run: str, status: RunStatus) -> None:
    """Stop and retire a run that is over."""
    platform.exchange.stop(run, status)
    platform.record.retire(run)
    if platform.record.status(run) is RunStatus.RUNNING:  # it was resumed meanwhile, and must not be forgotten
        platform.record.activate(run)


def _help_if_silent(platform: RunPlatform, record: RunRecord, head: int, keeps_checkpoints: bool) -> None:
    """Send again what a run that goes on must be waiting for, if it has been silent for long."""
    patience = platform.settings.stall_seconds
    can_move = keeps_checkpoints if _lacks_checkpoint(platform, record, head) else head < record.spec.outer.versions
    if can_move and platform.exchange.stalled(record.run, "state", patience):
        _resend(platform, record, head)
    if platform.exchange.stalled(record.run, "evaluation", patience) and judging.send_due(platform, record):
        RESENT.labels(kind="evaluation").inc()


def _lacks_checkpoint(platform: RunPlatform, record: RunRecord, head: int) -> bool:
    return record.spec.records_at(head) and not platform.record.has_checkpoint(record.run, head)


def _resend(platform: RunPlatform, record: RunRecord, head: int) -> None:
    """Send again what the open step lacks, its checkpoint first."""
    protocol = protocol_of(platform, record)
    if record.spec.records_at(head):
        ensure_checkpoint(protocol, record, head)
    if head == record.spec.outer.versions:
        return
    protocol.resend(record, head)


def fail(platform: RunPlatform, run: str, reason: str) -> None:
    """Mark ``run`` failed, for an error that trying again cannot mend.

    A service that may not write runs' state in Redis, as a sampler, leaves stopping and retiring it to ``reconcile``.
    """
    log.error("run %s failed: %s", run, reason)
    FAILED_RUNS.inc()
    platform.record.note_end(run, RunStatus.FAILED, reason)
    with suppress(NoPermissionError):
        platform.exchange.stop(run, RunStatus.FAILED)
        platform.record.retire(run)
