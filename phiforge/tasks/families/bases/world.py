"""Worlds: tasks to act in, where what is learned from is tried out and not given."""

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.registry import PartConfig
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families.bases.family import TaskFamily

SEEDS = 2**24
"""Seeds of trajectories are below this: whole numbers that float32 holds."""


class Actions(NamedTuple):
    """What can be done: one of ``size`` choices, or ``size`` real numbers if ``continuous``."""

    size: int
    continuous: bool = False


class Happened(NamedTuple):
    """After one step of n trajectories: the ``state`` [n, ...], the ``reward`` [n], and who goes on, ``going`` [n]."""

    state: Tensor
    reward: Tensor
    going: Tensor


class World(TaskFamily):
    """Tasks that differ in what an action brings; trajectories are collected where a job is computed.

    Of an episode, each example stands for a trajectory: its x is what defines the task, the same numbers in each
    example, and its y a seed. ``k_shot`` trajectories are there to learn from, ``n_query`` to judge what was learned.
    States are advanced for n trajectories of one task at once, and depend on the task, the actions and the ``chance``
    alone, which is drawn on the CPU from the seeds.
    """

    reinforcement = True
    chooses_by = "mean_return"
    horizon: int
    """Most steps of a trajectory."""
    discount: float
    """γ in (0, 1]."""

    @classmethod
    @abstractmethod
    def actions(cls, config: PartConfig) -> Actions:
        """Return what can be done in it."""

    @abstractmethod
    def drawn(self, generator: Generator) -> NDArray[np.float64]:
        """Return the numbers that define a task, [numbers], drawn from ``generator``."""

    @abstractmethod
    def begin(self, task: Tensor, count: int) -> Tensor:
        """Return the first state [count, ...] of so many trajectories; ``task`` [numbers] is what defines it."""

    @abstractmethod
    def observed(self, state: Tensor) -> Tensor:
        """Return what is seen of a state: [n, observations], as many as ``input_shape`` says."""

    @abstractmethod
    def chance(self, count: int, generator: torch.Generator) -> Tensor:
        """Return the luck of ``count`` trajectories: float64 [horizon, count, ...]."""

    @abstractmethod
    def step(self, task: Tensor, state: Tensor, action: Tensor, chance: Tensor) -> Happened:
        """Return what actions [n] or [n, count] lead to, with the ``chance`` [n, ...] of this step."""

    def sample(self, split: str, task: Task, episodes: int, *seed: SeedPart) -> EpisodeBatch:
        """Return tasks with a seed for each of ``k_shot`` and ``n_query`` trajectories; every split draws alike."""
        drawn = [self._one(task, numpy_generator(*seed, index)) for index in range(episodes)]
        x, y = (np.stack(each).astype(np.float32) for each in zip(*drawn, strict=True))
        support, query = slice(0, task.k_shot), slice(task.k_shot, None)
        return EpisodeBatch(
            support_x=np.ascontiguousarray(x[:, support]),
            support_y=np.ascontiguousarray(y[:, support]),
            query_x=np.ascontiguousarray(x[:, query]),
            query_y=np.ascontiguousarray(y[:, query]),
            classes=np.empty((episodes, 0), dtype=np.int64),
            origin=np.empty((episodes, 0, 2), dtype=np.int32),
        )

    def _one(self, task: Task, generator: Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        numbers = self.drawn(generator)
        seeds = generator.integers(SEEDS, size=(task.drawings, 1))
        return np.tile(numbers, (task.drawings, 1)), seeds.astype(np.float64)
