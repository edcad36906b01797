"""How a run comes back into Redis: from its newest readable checkpoint, with what it needs to go on."""

import logging

from phiforge.base.errors import FormatError, RunError
from phiforge.base.metrics import RESTORED
from phiforge.learning.optimizers import AVERAGE
from phiforge.learning.tensors import Tensors
from phiforge.registry import OPTIMIZERS
from phiforge.runs import judging
from phiforge.runs.advance import advance, sampled_until
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.base import Consistency
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.learners import by_torch, initial_phi
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord

log = logging.getLogger(__name__)


def restore(platform: RunPlatform, record: RunRecord) -> None:
    """Bring a run back from its newest readable checkpoint, and send what it needs to go on."""
    checkpoint, protocol = _newest_checkpoint(platform, record), protocol_of(platform, record)
    platform.exchange.seen.going(record.run)  # before it is there: nothing in Redis may be unknown
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
    expected = {name: tuple(value.shape) for name, value in initial_phi(by_torch(record)).items()}
    _expect_shapes(f"{of}: φ", checkpoint.phi, expected)
    slots = [*OPTIMIZERS[record.spec.outer.optimizer.name].slots, *([AVERAGE] if record.spec.outer.average else [])]
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
