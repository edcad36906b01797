"""Parabolas: regression tasks y = a (x - b)², of a height and a place each."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.registry import PartConfig
from phiforge.spec.task import Task
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families.bases.family import TaskFamily, regressions


class ParabolasConfig(PartConfig):
    """Settings of the parabolas."""

    name: Literal["parabolas"] = "parabolas"
    height: float = Field(default=1.0, gt=0, le=100, description="Most of a, either way.")
    place: float = Field(default=1.0, ge=0, le=100, description="Most of b, either way.")


class Parabolas(TaskFamily):
    """Draws height, place and points of each task uniformly."""

    Config = ParabolasConfig
    regression = True
    chooses_by = "loss"
    config: ParabolasConfig

    @classmethod
    def input_shape(cls, config: ParabolasConfig) -> tuple[int, ...]:
        """Return (1,): one x."""
        return (1,)

    def sample(self, split: str, task: Task, episodes: int, *seed: SeedPart) -> EpisodeBatch:
        """Return tasks of ``k_shot`` support and ``n_query`` query points each; every split draws alike."""
        drawn = [self._points(task, *seed, index) for index in range(episodes)]
        x, y = (np.stack(each).astype(np.float32) for each in zip(*drawn, strict=True))
        return regressions(x, y, task)

    def _points(self, task: Task, *seed: SeedPart) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        generator = numpy_generator(*seed)
        height = generator.uniform(-self.config.height, self.config.height)
        place = generator.uniform(-self.config.place, self.config.place)
        x = generator.uniform(-2.0, 2.0, size=(task.drawings, 1))
        return x, height * (x - place) ** 2
