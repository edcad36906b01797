"""What a family of tasks is: a formula that gives any number of tasks."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phiforge.base.seeds import SeedPart
from phiforge.registry.abilities import FamilyPart
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch


class TaskFamily(FamilyPart, ABC):
    """Tasks that are drawn from a formula, so that there is nothing to publish.

    Example::

        batch = Sinusoid(SinusoidData()).sample("train", Task(n_way=1, k_shot=10), 4, "a seed", 0)
        batch.support_x.shape  # (4, 10, 1)
    """

    def __init__(self, config: Any) -> None:  # noqa: ANN401 - its own configuration
        self.config = config

    @abstractmethod
    def sample(self, split: str, task: Task, episodes: int, *seed: SeedPart) -> EpisodeBatch:
        """Return ``episodes`` tasks; equal arguments give equal tasks on any machine.

        Args:
            split: ``train``, ``validation`` or ``test``.
            task: how many examples support and query sets have.
            episodes: how many tasks.
            seed: names the tasks; draw by ``phiforge.base.seeds.numpy_generator`` from nothing else.
        """


def regressions(x: NDArray[np.float32], y: NDArray[np.float32], task: Task) -> EpisodeBatch:
    """Return the regression tasks of some points: of each task the first ``k_shot`` are support, the others query.

    Args:
        x: inputs [episodes, k_shot + n_query, 1].
        y: values [episodes, k_shot + n_query, 1].
        task: says ``k_shot``.
    """
    support, query, episodes = slice(0, task.k_shot), slice(task.k_shot, None), len(x)
    return EpisodeBatch(
        support_x=x[:, support],
        support_y=y[:, support],
        query_x=x[:, query],
        query_y=y[:, query],
        classes=np.empty((episodes, 0), dtype=np.int64),
        origin=np.empty((episodes, 0, 2), dtype=np.int32),
    )
