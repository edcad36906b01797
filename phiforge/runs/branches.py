"""Where a run starts that goes on from a version of another."""

from dataclasses import replace

from phiforge.learning import optimizers
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.submitted import RunRecord


def carried_on(start: Checkpoint, parent: RunRecord, record: RunRecord) -> Checkpoint:
    """Return where a branch starts: with the parent's optimiser, or a fresh one if it is of another kind.

    An average of φ goes on too, or begins here if the parent kept none. So with what else the checkpoint lists: where
    it is not right for the branch, that begins afresh.

    Args:
        start: the parent's φ and optimiser at the version where the branch leaves it.
        parent: the run that is left.
        record: the branch.
    """
    if not consistency_of(record.spec).has_pace_of(consistency_of(parent.spec)):
        start = replace(start, extras={})
    before, after, state = parent.spec.outer.optimizer, record.spec.outer.optimizer, start.optimizer
    if before.name != after.name:
        plain = record.spec.outer.model_copy(update={"average": None})
        state = optimizers.init_state(plain, start.phi, start.version) | optimizers.kept(state)
    outer = record.spec.outer
    return replace(start, optimizer=optimizers.carried_on(outer, start.phi, state, start.version))
