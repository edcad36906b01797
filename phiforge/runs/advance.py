"""What follows from a version being the head: its checkpoint, the jobs of the next, scores.

All of it is idempotent: ``reconcile`` does again what was lost.
"""

import logging

from phiforge.base.errors import FormatError
from phiforge.base.metrics import DAMAGED
from phiforge.learning.tensors import decode, fingerprint
from phiforge.runs import judging, retention
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import is_whole
from phiforge.runs.consistency.base import Consistency
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import Extras
from phiforge.runs.steps import State
from phiforge.runs.submitted import RunRecord

log = logging.getLogger(__name__)


def advance(protocol: Consistency, record: RunRecord, version: int, kept: int | None = None) -> None:
    """Do what follows from ``version`` being the head, after its commit; job ``kept`` needs no message.

    The checkpoint comes first: as no job of ``version`` is sent before it is written, the head cannot leave it behind.
    """
    platform = protocol.platform
    if record.spec.records_at(version):
        ensure_checkpoint(protocol, record, version)
    protocol.send(record, version, kept)
    if record.spec.validates_at(version):
        _ask_for_scores(platform, record, version)


def _ask_for_scores(platform: RunPlatform, record: RunRecord, version: int) -> None:
    """Have ``version``, just recorded, judged; where a version before it is not, whoever sums that up asks for it."""
    if judging.due(platform, record)[:1] == [("validation", version)]:
        platform.exchange.touch(record.run, "evaluation")
        judging.send(platform, record, "validation", version)


def sample_ahead(protocol: Consistency, record: RunRecord, head: int) -> None:
    """Ask for the one version more whose episodes are to be there when ``head`` is the head."""
    version = sampled_until(protocol, record, head)
    if version < record.spec.outer.versions:
        protocol.platform.outbox.sample_training(record.run, version)


def sampled_until(protocol: Consistency, record: RunRecord, head: int) -> int:
    """Return the newest version whose episodes samplers are asked for by the time that ``head`` is the head."""
    return head + protocol.rules(record).reach + record.spec.sampling.window


def ensure_checkpoint(protocol: Consistency, record: RunRecord, version: int) -> None:
    """Write the checkpoint and the log segment of ``version``, which must be the head, unless they are there.

    If what Redis holds of them is damaged it is dropped, and the run goes on from the checkpoint before.
    """
    platform = protocol.platform
    if platform.record.has_checkpoint(record.run, version):
        return
    phi, optimizer = platform.exchange.phi(record.run, version), platform.exchange.optimizer(record.run, version)
    state = platform.exchange.state(record.run)
    extras = protocol.checkpoint_extras(record, version)
    if state is None or state.head != version or phi is None or optimizer is None or extras is None:
        return
    checkpoint, segment = _checkpoint(version, phi, optimizer, state, extras), _segment(platform, record, version)
    if checkpoint is None or not is_whole(segment, _recorded_before(record, version), version, state.phi_hash):
        _drop_damaged_head(platform, record, version)
        return
    platform.record.append_log(record.run, version, list(segment.values()))
    platform.checkpoints.save(record.run, checkpoint)
    platform.exchange.drop_log(record.run, segment.keys())
    retention.after_checkpoint(platform, record)


def _segment(platform: RunPlatform, record: RunRecord, version: int) -> dict[int, bytes]:
    """Return the log's entries since the checkpoint before, up to ``version``, as far as Redis has them."""
    before = _recorded_before(record, version)
    return {number: each for number, each in platform.exchange.log(record.run).items() if before < number <= version}


def _recorded_before(record: RunRecord, version: int) -> int:
    """Return the version of the checkpoint before: the log's later entries stay in Redis until this one is written."""
    first = record.first_version
    return max((earlier for earlier in range(first, version) if record.spec.records_at(earlier)), default=first)


def _checkpoint(version: int, phi: bytes, optimizer: bytes, state: State, extras: Extras) -> Checkpoint | None:
    """Return the head as a checkpoint, or None if a bit of it changed since it was committed."""
    try:
        checkpoint = Checkpoint(version, decode(phi), decode(optimizer), state.phi_hash, state.tasks, extras)
    except FormatError:
        return None
    hashes = fingerprint(checkpoint.phi), fingerprint(checkpoint.optimizer)
    return checkpoint if hashes == (state.phi_hash, state.optimizer_hash) else None


def _drop_damaged_head(platform: RunPlatform, record: RunRecord, version: int) -> None:
    """Let the run go on from its newest checkpoint, unless somebody wrote ``version`` meanwhile, log and all."""
    if platform.record.has_checkpoint(record.run, version):
        return
    log.error("run %s: version %d is damaged in Redis, going back to the checkpoint before", record.run, version)
    DAMAGED.inc()
    platform.exchange.forget(record.run)
