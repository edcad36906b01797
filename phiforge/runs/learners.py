"""The learner of a run, and where it starts."""

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, TaskShape, build_learner
from phiforge.learning.tensors import Tensors, torch_type
from phiforge.registry import DATA
from phiforge.runs.submitted import RunRecord
from phiforge.spec.task import Task


def learner_of(record: RunRecord, task: Task) -> Learner:
    """Return the learner of a run, for tasks of the shape of ``task``."""
    spec = record.spec
    numerics = spec.numerics
    shape = TaskShape(
        n_way=task.n_way,
        input_shape=record.input_shape,
        train_classes=record.train_classes,
        regression=DATA[spec.data.name].regression,
        engine=numerics.settled_engine,
        bfloat16=numerics.bfloat16,
        scores=spec.scores,
    )
    return build_learner(spec.learner, shape)


def initial_phi(record: RunRecord) -> Tensors:
    """Return φ₀, named by the spec's seed alone."""
    spec = record.spec
    drawn = learner_of(record, spec.task).init_phi(torch_generator(spec.seed, "phi"))
    return {name: value.to(torch_type(spec.numerics.kept)) for name, value in drawn.items()}
