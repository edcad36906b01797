"""The validation tasks of a run, in the shape of the task at hand: what a calibration is learned on."""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from phiforge.base.errors import TaskError
from phiforge.learning.learners import Learner
from phiforge.prediction.calibration import Answers, Calibration, calibrate, joined
from phiforge.prediction.classifier import adapted
from phiforge.prediction.learned import Learned
from phiforge.spec.task import Task
from phiforge.tasks.episodes import Episode
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch

TASKS = 40
QUERIES = 3
"""Of each class of a task, at most."""
_ALONE, _FEWEST = 600, 8
"""Queries that are answered one at a time, each beside the support set: as many as 40 tasks of five ways have; but of
8 tasks at least."""
FALSE_ACCEPT = 0.05
_SPLIT = "validation"


class Shape(NamedTuple):
    """What a task to come is like: its classes, the examples of the class with the fewest, whether transductive."""

    n_way: int
    k_shot: int
    transductive: bool


def calibrated(
    learned: Learned, pool: Pool, shape: Shape, false_accept: float = FALSE_ACCEPT, tasks: int = TASKS
) -> Calibration:
    """Return what the validation tasks teach about tasks of ``shape``; equal arguments give equal answers.

    Where the validation split has fewer classes or pictures than ``shape``, tasks of as many as it has are taken. There
    are fewer tasks of many ways where a model that looks at sets answers each query alone, as each costs a support set.

    Raises:
        TaskError: if the learner serves no tasks of so many classes, or ``false_accept`` is no share.
    """
    if not 0 < false_accept < 1:
        raise TaskError(f"the rate of false acceptance is {false_accept}: allowed are numbers between 0 and 1")
    task = _task(pool, shape)
    learner = learned.learner(task.n_way)
    if learner.transductive and not shape.transductive:
        tasks = min(tasks, max(_FEWEST, _ALONE // (task.n_way * task.n_query)))
    episodes = _episodes(learned, pool, task, tasks)
    answers = [
        _answers(learned, learner, each, other, transductive=shape.transductive) for each, other in _pairs(episodes)
    ]
    found = (task.n_way, task.k_shot, shape.transductive, len(answers))
    return calibrate((joined(answers[::2]), joined(answers[1::2])), found, false_accept)


def _task(pool: Pool, shape: Shape) -> Task:
    """Return the task of ``shape``, or the nearest that the validation classes carry."""
    classes, drawings = len(pool.dataset.splits[_SPLIT]), pool.dataset.drawings(_SPLIT)
    n_way = min(shape.n_way, classes)
    k_shot = min(shape.k_shot, drawings - 1)
    return Task(n_way=n_way, k_shot=k_shot, n_query=min(QUERIES, drawings - k_shot))


def _episodes(learned: Learned, pool: Pool, task: Task, tasks: int) -> list[Episode]:
    batch = sample_batch(
        pool, _SPLIT, task, tasks, learned.spec.evaluation.seed, "calibration", task.n_way, task.k_shot
    )
    return list(batch.episodes())


def _pairs(episodes: list[Episode]) -> Iterator[tuple[Episode, Episode]]:
    """Yield each episode with the one after it, whose queries of other classes stand for pictures of none."""
    yield from zip(episodes, episodes[1:] + episodes[:1], strict=True)


def _answers(learned: Learned, learner: Learner, episode: Episode, other: Episode, *, transductive: bool) -> Answers:
    predict = adapted(learner, learned, episode.support_x, episode.support_y, transductive=transductive)
    stranger = torch.isin(other.classes[other.query_y], episode.classes, invert=True)
    with torch.no_grad():
        inside = predict(episode.query_x).cpu()
        outside = predict(other.query_x[stranger]).cpu() if stranger.any() else inside.new_zeros(0, inside.shape[1])
    return Answers(inside, episode.query_y, outside)
