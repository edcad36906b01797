"""How runs move: ``advance`` after each commit, ``reconcile`` whenever something may have been lost.

Progress is level-triggered: both compare what is with what should be, and do what is missing. All of it is idempotent.
"""

import logging
from contextlib import suppress
from dataclasses import replace

from redis.exceptions import NoPermissionError

from phiforge.base.errors import FormatError, PhiforgeError, RunError
from phiforge.base.metrics import DAMAGED, FAILED_RUNS, RESENT, RESTORED
from phiforge.learning.tensors import Tensors, decode, fingerprint
from phiforge.runs import judging, retention
from phiforge.runs.commit_log import is_whole
from phiforge.runs.consistency.bounded_staleness import is_ticketed, sending
from phiforge.runs.platform import Platform, initial_phi
from phiforge.runs.record import Checkpoint, RunRecord
from phiforge.runs.steps import State

log = logging.getLogger(__name__)

LOCK_SECONDS = 2.0
"""Short, for whoever holds it may die: two that reconcile the same run cost time, never correctness."""


def advance(platform: Platform, record: RunRecord, version: int, kept: int | None = None) -> None:
    """Do what follows from ``version`` being the head, after its commit; job ``kept`` needs no message.

    The checkpoint comes first: as no job of ``version`` is sent before it is written, the head cannot leave it behind.
    """
    if record.spec.records_at(version):
        ensure_checkpoint(platform, record, version)
    if is_ticketed(record.spec):
        sending.send(platform, record, version)
    elif version < record.spec.outer.versions:
        for job in range(record.spec.outer.jobs):
            if job != kept:
                platform.queue.train(record.run, version, job)
    if record.spec.validates_at(version):
        platform.exchange.touch(record.run, "evaluation")
        judging.send(platform, record, "validation", version)


def sample_ahead(platform: Platform, record: RunRecord, head: int) -> None:
    """Ask for the one version more whose episodes are to be there when ``head`` is the head."""
    version = _sampled_until(record, head)
    if version < record.spec.outer.versions:
        platform.queue.sample_training(record.run, version)


def _sampled_until(record: RunRecord, head: int) -> int:
    """Return the newest version whose episodes samplers are asked for by the time that ``head`` is the head."""
    return head + record.spec.staleness + record.spec.sampling.window


def ensure_checkpoint(platform: Platform, record: RunRecord, version: int) -> None:
    """Write the checkpoint and the log segment of ``version``, which must be the head, unless they are there.

    If what Redis holds of them is damaged it is dropped, and the run goes on from the checkpoint before.
    """
    if platform.record.has_checkpoint(record.run, version):
        return
    phi, optimizer = platform.exchange.phi(record.run, version), platform.exchange.optimizer(record.run, version)
    state = platform.exchange.state(record.run)
    if phi is None or optimizer is None or state is None or state.head != version:
        return
    before = _recorded_before(record, version)
    segment = {number: each for number, each in platform.exchange.log(record.run).items() if before < number <= version}
    checkpoint = _checkpoint(version, phi, optimizer, state)
    if checkpoint and is_ticketed(record.spec):
        if (tickets := platform.tickets.open_at(record.run, version)) is None:
            return
        checkpoint = replace(checkpoint, tickets=tuple(tickets))
    if checkpoint is None or not is_whole(segment, before, version, state.phi_hash):
        _drop_damaged_head(platform, record, version)
        return
    platform.record.append_log(record.run, version, list(segment.values()))
    platform.record.save_checkpoint(record.run, checkpoint)
    platform.exchange.drop_log(record.run, segment.keys())
    retention.after_checkpoint(platform, record)


def _recorded_before(record: RunRecord, version: int) -> int:
    """Return the version of the checkpoint before: the log's later entries stay in Redis until this one is written."""
    first = record.first_version
    return max((earlier for earlier in range(first, version) if record.spec.records_at(earlier)), default=first)


def _checkpoint(version: int, phi: bytes, optimizer: bytes, state: State) -> Checkpoint | None:
    """Return the head as a checkpoint, or None if a bit of it changed since it was committed."""
    try:
        checkpoint = Checkpoint(version, decode(phi), decode(optimizer), state.phi_hash, state.tasks)
    except FormatError:
        return None
    hashes = fingerprint(checkpoint.phi), fingerprint(checkpoint.optimizer)
    return checkpoint if hashes == (state.phi_hash, state.optimizer_hash) else None


def _drop_damaged_head(platform: Platform, record: RunRecord, version: int) -> None:
    """Let the run go on from its newest checkpoint, unless somebody wrote ``version`` meanwhile, log and all."""
    if platform.record.has_checkpoint(record.run, version):
        return
    log.error("run %s: version %d is damaged in Redis, going back to the checkpoint before", record.run, version)
    DAMAGED.inc()
    platform.exchange.forget(record.run)


def reconcile_all(platform: Platform, keeps_checkpoints: bool = True) -> None:
    """Reconcile every active run that nobody else is looking at; a fault of one run does not keep the others."""
    for run in platform.record.ended():
        if platform.exchange.retention_due(run, platform.settings.stall_seconds):
            platform.queue.retain(run)
    for run in platform.record.active():
        platform.sightings.note(run, platform.exchange.state(run))
        with platform.locks.hold(f"reconcile:{run}", LOCK_SECONDS) as mine:
            if mine:
                _reconcile_alone(platform, run, keeps_checkpoints)


def _reconcile_alone(platform: Platform, run: str, keeps_checkpoints: bool) -> None:
    """Reconcile ``run``; a fault that trying again cannot mend is its end, no other is."""
    try:
        reconcile(platform, run, keeps_checkpoints)
    except (FormatError, RunError) as error:
        fail(platform, run, f"it cannot go on: {error}")
    except PhiforgeError:
        log.exception("cannot reconcile run %s", run)


def reconcile(platform: Platform, run: str, keeps_checkpoints: bool = True) -> None:
    """Compare what is with what should be, and do what is missing.

    Who may not write checkpoints (``keeps_checkpoints`` is False) leaves a head that lacks its own to those who may.
    """
    status = platform.record.status(run)
    if status != "running":
        platform.exchange.stop(run, status)
        platform.record.retire(run)
        if platform.record.status(run) == "running":  # it was resumed meanwhile, and must not be forgotten
            platform.record.activate(run)
        return
    record = platform.run(run)  # after that: a run that is over is put to rest also by who cannot read it
    state = platform.exchange.state(run)
    if state and state.status != "running":
        if platform.record.status(run) != "running":
            return  # it ended since that was read, as the record says before Redis does
        platform.exchange.forget(run)
        state = None
    if state is None or state.head < max(platform.record.checkpoints(run), default=0):
        _restore(platform, record)
        if (status := platform.record.status(run)) != "running":  # it ended meanwhile, and was restored all the same
            platform.exchange.stop(run, status)
        return
    patience = platform.settings.stall_seconds
    lacks_checkpoint = _lacks_checkpoint(platform, record, state.head)
    can_move = keeps_checkpoints if lacks_checkpoint else state.head < record.spec.outer.versions
    if can_move and platform.exchange.stalled(run, "state", patience):
        _resend(platform, record, state.head)
    if platform.exchange.stalled(run, "evaluation", patience):
        for split, version in judging.due(platform, record):
            RESENT.labels(kind="evaluation").inc()
            judging.send(platform, record, split, version)


def _lacks_checkpoint(platform: Platform, record: RunRecord, head: int) -> bool:
    return record.spec.records_at(head) and not platform.record.has_checkpoint(record.run, head)


def _restore(platform: Platform, record: RunRecord) -> None:
    """Bring a run back from its newest readable checkpoint, and send what it needs to go on."""
    checkpoint = _newest_checkpoint(platform, record)
    tickets = sending.tickets_at(record, checkpoint)
    if not platform.exchange.restore(record.run, checkpoint, tickets):
        return
    log.info("run %s goes on from version %d", record.run, checkpoint.version)
    RESTORED.inc()
    if (silence := platform.sightings.silence(record.run)) is not None:
        platform.exchange.note_silence(record.run, silence)
    judging.sample(platform, record)
    first = min((ticket.version for ticket in tickets or ()), default=checkpoint.version)
    for version in range(first, min(_sampled_until(record, checkpoint.version) + 1, record.spec.outer.versions)):
        platform.queue.sample_training(record.run, version)
    sending.send_before(platform, record, checkpoint.version, tickets or ())
    advance(platform, record, checkpoint.version)


def _newest_checkpoint(platform: Platform, record: RunRecord) -> Checkpoint:
    """Read the newest checkpoint; a damaged one is deleted (it will be written again) and the one before it read."""
    for version in reversed(platform.record.checkpoints(record.run)):
        try:
            checkpoint = platform.record.checkpoint(record.run, version)
            check_shapes(record, checkpoint)
            return checkpoint
        except FormatError:
            log.exception("dropping checkpoint %d of run %s", version, record.run)
            platform.record.delete_checkpoint(record.run, version)
    raise RunError(f"run {record.run!r} has no readable checkpoint left in {platform.store.url}")


def check_shapes(record: RunRecord, checkpoint: Checkpoint) -> None:
    """Raise FormatError unless a checkpoint has the tensors of the run's learner, and an optimiser's state for each."""
    of = f"checkpoint {checkpoint.version} of run {record.run!r}"
    expected = {name: tuple(value.shape) for name, value in initial_phi(record).items()}
    _expect_shapes(f"{of}: φ", checkpoint.phi, expected)
    slots = record.spec.outer.optimizer.slots
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


def _resend(platform: Platform, record: RunRecord, head: int) -> None:
    """Send again what the open step lacks: record, episodes, jobs; or any job, if only the commit is missing."""
    if record.spec.records_at(head):
        ensure_checkpoint(platform, record, head)
    if head == record.spec.outer.versions:
        return
    if is_ticketed(record.spec):
        sending.resend(platform, record, head)
        return
    jobs = range(record.spec.outer.jobs)
    for version in range(head, min(head + record.spec.sampling.window + 1, record.spec.outer.versions)):
        if platform.record.missing_episodes(record.run, version, jobs):
            RESENT.labels(kind="sampling").inc()
            platform.queue.sample_training(record.run, version)
    missing = set(jobs) - platform.exchange.contributed(record.run, head) or {0}
    for job in sorted(missing):
        RESENT.labels(kind="job").inc()
        platform.queue.train(record.run, head, job)


def fail(platform: Platform, run: str, reason: str) -> None:
    """Mark ``run`` failed, for a fault that trying again cannot mend.

    A service that may not write runs' state in Redis, as a sampler, leaves stopping and retiring it to ``reconcile``.
    """
    log.error("run %s failed: %s", run, reason)
    FAILED_RUNS.inc()
    platform.record.note_end(run, "failed", reason)
    with suppress(NoPermissionError):
        platform.exchange.stop(run, "failed")
        platform.record.retire(run)
