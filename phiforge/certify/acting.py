"""What a learner that acts promises: the same lives for the same seeds, and that it learns from what it meets."""

from dataclasses import replace

import torch

from phiforge.certify import material
from phiforge.certify.differences import relative_error
from phiforge.certify.proof import Figure, count
from phiforge.learning.estimators import Contribution
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import EVALUATION, Learner, Mode, Outcome
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode

SAME = 1e-12


def same_outcome(config: PartConfig) -> Figure:
    """Count the scores that differ when a task is acted in twice, with luck of one name."""
    learner, phi, task = _material(config)
    first, second = (_outcome(learner, phi, task) for _ in range(2))
    return count(not torch.equal(first.scores[name], second.scores[name]) for name in first.scores)


def judged_by_return(config: PartConfig) -> Figure:
    """Count what is missing of its scores: a finite return, and no accuracy."""
    found = _outcome(*_material(config))
    returned = found.scores.get("mean_return", torch.tensor(float("nan")))
    return count([not bool(returned.isfinite()), "accuracy" in found.scores, not bool(found.loss.isfinite())])


def luck_of_the_world(config: PartConfig) -> Figure:
    """Return whether other seeds of the trajectories that judge it change its return: they name the world's luck."""
    learner, phi, task = _material(config)
    other = replace(task, query_y=task.query_y + 1)
    first, second = (_outcome(learner, phi, each).scores["mean_return"] for each in (task, other))
    return Figure(float((first - second).abs()), 0.0, above=True)


def sum_over_tasks(config: PartConfig, estimator: str) -> Figure:
    """Return how far a job's contribution is from that of the same tasks in fewer passes, and read back."""
    learner, phi, _ = _material(config)
    tasks = material.episodes_of(learner, 3)
    first, chunked = (
        material.contributed(estimator, learner, phi, tasks, material.step_of(chunk=each)) for each in (1, 3)
    )
    again = Contribution.from_bytes(first.to_bytes())
    lost = relative_error(again.values, first.values) + float(dict(again.scores) != dict(first.scores))
    return Figure(relative_error(chunked.values, first.values) + lost, SAME)


def _outcome(learner: Learner, phi: Tensors, task: Episode, mode: Mode = EVALUATION) -> Outcome:
    with torch.no_grad():
        return learner.query_outcome(phi, task, mode, torch_generator("draw"))


def _material(config: PartConfig) -> tuple[Learner, Tensors, Episode]:
    learner = material.learner_of(config)
    return learner, material.phi_of(learner), material.episodes_of(learner, 1)[0]
