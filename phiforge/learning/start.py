"""The learner that a spec asks for, and the φ that it starts from."""

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, TaskShape, build_learner
from phiforge.learning.tensors import Tensors, torch_type
from phiforge.registry import DATA
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.families import build_family


def learner_for(spec: RunSpec, task: Task, input_shape: tuple[int, ...], train_classes: int = 0) -> Learner:
    """Return the learner of ``spec``, for tasks of the shape of ``task``.

    Args:
        spec: what is learned and how.
        task: how many ways its tasks have: those of training, or those that judge.
        input_shape: of one input: (channels, height, width) of images, (1,) of a regression's x.
        train_classes: how many classes training tasks are drawn from, for learners whose φ has a head over all.
    """
    shape = TaskShape(
        n_way=task.n_way,
        input_shape=input_shape,
        train_classes=train_classes,
        regression=DATA[spec.data.name].regression,
        engine=spec.numerics.settled_engine,
        bfloat16=spec.numerics.bfloat16,
        scores=spec.scores,
        world=build_family(spec.data) if DATA[spec.data.name].reinforcement else None,
    )
    return build_learner(spec.learner, shape)


def first_phi(spec: RunSpec, learner: Learner) -> Tensors:
    """Return φ₀, named by the spec's seed alone, in the type that the run keeps."""
    kept = torch_type(spec.numerics.kept)
    return {name: value.to(kept) for name, value in learner.init_phi(torch_generator(spec.seed, "phi")).items()}
