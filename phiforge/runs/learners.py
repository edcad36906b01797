"""The learner of a run, and where it starts."""

from phiforge.learning.learners import Learner
from phiforge.learning.start import first_phi, learner_for
from phiforge.learning.tensors import Tensors
from phiforge.runs.submitted import RunRecord
from phiforge.spec.task import Task


def learner_of(record: RunRecord, task: Task) -> Learner:
    """Return the learner of a run, for tasks of the shape of ``task``."""
    return learner_for(record.spec, task, record.input_shape, record.train_classes)


def initial_phi(record: RunRecord) -> Tensors:
    """Return φ₀ of a run."""
    return first_phi(record.spec, learner_of(record, record.spec.task))
