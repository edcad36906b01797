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


def by_torch(record: RunRecord) -> RunRecord:
    """Return a run as plain torch computes it: shapes are the same, and whoever asks may lack the run's engine."""
    numerics = record.spec.numerics.model_copy(update={"engine": "torch"})
    return record._replace(spec=record.spec.model_copy(update={"numerics": numerics}))
