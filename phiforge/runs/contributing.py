"""What a job contributes to a step, whoever computes it: a trainer, or whoever computes a run again."""

from collections.abc import Sequence

import torch

from phiforge.learning.estimators import Contribution, Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.tensors import Tensors
from phiforge.runs.learners import learner_of
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import Episode


def contribute(record: RunRecord, phi: Tensors, episodes: Sequence[Episode], version: int, job: int) -> Contribution:
    """Return what ``job`` contributes to the step from ``version``, which depends on the arguments alone.

    Args:
        record: the run
        phi: that the job is computed from, on the device that computes it
        episodes: of the job, on the same device
        version: that the job belongs to
        job: its place in that version
    """
    spec = record.spec
    if torch.get_num_threads() != spec.numerics.threads:
        torch.set_num_threads(spec.numerics.threads)
    learner, estimator, step = learner_of(record, spec.task), estimator_of(spec), Step(spec, version)
    return estimator.contribute(learner, phi, episodes, step, job)
