"""Where a run starts that goes on from a version of another."""

from dataclasses import replace

from phiforge.learning.optimizers import init_state
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.submitted import RunRecord


def carried_on(start: Checkpoint, parent: RunRecord, record: RunRecord) -> Checkpoint:
    """Return where a branch starts: with the parent's optimiser, or a fresh one if it is of another kind.

    So with what else the checkpoint lists: where it is not right for the branch, that begins afresh.

    Args:
        start: the parent's φ and optimiser at the version where the branch leaves it.
        parent: the run that is left.
        record: the branch.
    """
    if not consistency_of(record.spec).has_pace_of(consistency_of(parent.spec)):
        start = replace(start, extras={})
    before, after = parent.spec.outer.optimizer, record.spec.outer.optimizer
    if before.name == after.name:
        return start
    return replace(start, optimizer=init_state(record.spec.outer, start.phi, start.version))
