"""How runs are helped: ``reconcile`` compares what is with what should be, whenever something may have been lost.

Progress is level-triggered: it does what is missing, and all of it is idempotent.
"""

import logging
from contextlib import suppress

from redis.exceptions import NoPermissionError, RedisError

from phiforge.base.errors import FormatError, IncapableWorkerError, RunError, StoreError
from phiforge.base.metrics import FAILED_RUNS, RESENT, RESTORED
from phiforge.learning.tensors import Tensors
from phiforge.registry import OPTIMIZERS
from phiforge.runs import judging
from phiforge.runs.advance import advance, ensure_checkpoint, sampled_until
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.base import Consistency
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.learners import initial_phi
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.runs.troubles import Troubles

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0
"""Short, for whoever holds it may die: two that reconcile the same run cost time, never correctness."""


def reconcile_all(platform: RunPlatform, keeps_checkpoints: bool = True) -> None:
    """Reconcile every active run that nobody else is looking at; an error of one run does not keep the others.

    Raises IncapableWorkerError, when all others were looked at, if this process cannot read some: others must look too.
    """
    for run in platform.record.ended():
        if platform.exchange.retention_due(run, platform.settings.stall_seconds):
            platform.outbox.retain(run)
    left: list[str] = []
    for run in platform.record.active():
        with platform.locks.hold(f"reconcile:{run}", LOCK_SECONDS) as mine:
            if mine:
                left += _reconcile_alone(platform, run, keeps_checkpoints)
            else:
                _see(platform, run)
    if left:
        raise IncapableWorkerError("; ".join(left))


def _see(platform: RunPlatform, run: str) -> None:
    platform.sightings.note(run, platform.exchange.state(run))


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
    record = platform.run(run)  # after that: a run that is over is put to rest also by who cannot read it
    state = platform.exchange.state(run)
    if state and state.status is not RunStatus.RUNNING:
        if platform.record.status(run) is not RunStatus.RUNNING:
            return  # it ended since that was read, as the record says before Redis does
        platform.exchange.forget(run)
        state = None
    if state is None or state.head < max(platform.record.checkpoints(run), default=0):
        _restore(platform, record)
        if (status := platform.record.status(run)) is not RunStatus.RUNNING:  # it ended meanwhile, and was restored
            platform.exchange.stop(run, status)
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


def _restore(platform: RunPlatform, record: RunRecord) -> None:
    """Bring a run back from its newest readable checkpoint, and send what it needs to go on."""
    checkpoint, protocol = _newest_checkpoint(platform, record), protocol_of(platform, record)
    if not protocol.restore(record, checkpoint):
        return
    begins = checkpoint.version == record.first_version
    log.info("run %s %s version %d", record.run, "begins at" if begins else "goes on from", checkpoint.version)
    RESTORED.inc()
    if (silence := platform.sightings.silence(record.run)) is not None:
        platform.exchange.note_silence(record.run, silence)
    judging.sample(platform, record)
    _sample(protocol, record, checkpoint)
    protocol.send_open(record, checkpoint)
    advance(protocol, record, checkpoint.version)


def _sample(protocol: Consistency, record: RunRecord, checkpoint: Checkpoint) -> None:
    """Ask for the episodes that a run needs which goes on from ``checkpoint``."""
    first = protocol.rules(record).needed_from(checkpoint.version, checkpoint.extras)
    last = sampled_until(protocol, record, checkpoint.version)
    for version in range(first, min(last + 1, record.spec.outer.versions)):
        protocol.platform.outbox.sample_training(record.run, version)


def _newest_checkpoint(platform: RunPlatform, record: RunRecord) -> Checkpoint:
    """Read the newest checkpoint; a damaged one is deleted (it will be written again) and the one before it read."""
    for version in reversed(platform.record.checkpoints(record.run)):
        try:
            checkpoint = platform.checkpoints.load(record.run, version)
            check_fit(record, checkpoint)
            return checkpoint
        except FormatError:
            log.exception("dropping checkpoint %d of run %s", version, record.run)
            platform.record.delete_checkpoint(record.run, version)
    raise RunError(f"run {record.run!r} has no readable checkpoint left in {platform.store.url}")


def check_fit(record: RunRecord, checkpoint: Checkpoint) -> None:
    """Raise FormatError unless a checkpoint has the tensors of the run's learner, and an optimiser's state for each.

    So too if what it lists beside φ is not what the run's consistency keeps.
    """
    consistency_of(record.spec).open_at(checkpoint.version, checkpoint.extras)
    of = f"checkpoint {checkpoint.version} of run {record.run!r}"
    expected = {name: tuple(value.shape) for name, value in initial_phi(_by_torch(record)).items()}
    _expect_shapes(f"{of}: φ", checkpoint.phi, expected)
    slots = OPTIMIZERS[record.spec.outer.optimizer.name].slots
    state = {f"{slot}/{name}": shape for slot in slots for name, shape in expected.items()}
    moments = {name: value for name, value in checkpoint.optimizer.items() if "/" in name}  # not since when they are
    _expect_shapes(f"{of}: the optimiser's state", moments, state)


def _expect_shapes(of: str, tensors: Tensors, expected: dict[str, tuple[int, ...]]) -> None:
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if wrong:
        raise FormatError(
            f"{of} has {wrong[0]!r} in shape {found.get(wrong[0])}, expected {expected.get(wrong[0])}; "
            f"{len(wrong)} differ in all"
        )


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


def _by_torch(record: RunRecord) -> RunRecord:
    """Return a run as plain torch computes it: shapes are the same, and whoever restores may lack its engine."""
    numerics = record.spec.numerics.model_copy(update={"engine": "torch"})
    return record._replace(spec=record.spec.model_copy(update={"numerics": numerics}))
