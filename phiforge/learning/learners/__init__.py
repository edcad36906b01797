"""The learners F_φ, one a file; each is found by its file's name, or by the entry point of an installed package."""

from phiforge.learning.learners.bases.learner import EVALUATION, Learner, Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.registry import LEARNERS, PartConfig


def build_learner(config: PartConfig, shape: TaskShape) -> Learner:
    """Return the learner that ``config`` describes, for tasks of ``shape``.

    Raises MissingPartError if there is no such learner here.

    Example::

        learner = build_learner(MamlConfig(inner_lr=0.1), TaskShape(n_way=5, input_shape=(1, 28, 28)))
    """
    return LEARNERS.built_on(Learner, config.name)(config, shape)


__all__ = ["EVALUATION", "LEARNERS", "Learner", "Mode", "Outcome", "Phi", "Predictor", "TaskShape", "build_learner"]
