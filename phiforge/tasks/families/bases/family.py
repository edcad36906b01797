"""What a family of tasks is: a formula that gives any number of tasks."""

from abc import ABC, abstractmethod
from typing import Any

from phiforge.base.seeds import SeedPart
from phiforge.registry.abilities import FamilyPart
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch


class TaskFamily(FamilyPart, ABC):
    """Tasks that are drawn from a formula, so that there is nothing to publish.

    Example::

        batch = Sinusoid(SinusoidConfig()).sample("train", Task(n_way=1, k_shot=10), 4, "a seed", 0)
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
