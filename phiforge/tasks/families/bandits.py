"""Bandits: arms that pay by chances of their own (Duan et al. 2016, "RL²", section 3.1)."""

from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from phiforge.registry import PartConfig
from phiforge.tasks.families.bases.world import Actions, Happened, World


class BanditsData(PartConfig):
    """Arms that pay by chances of their own; a trajectory is one pull (Duan et al. 2016, section 3.1)."""

    name: Literal["bandits"] = "bandits"
    arms: int = Field(default=5, ge=2, le=1000, description="Arms of each task.")
    rewards: Literal["bernoulli", "gaussian"] = Field(
        default="bernoulli",
        description="bernoulli: an arm pays 1 with a chance from [0, 1]; gaussian: it pays by a normal distribution of "
        "a mean drawn from the standard normal distribution.",
    )
    deviation: float = Field(default=1.0, gt=0, le=1e3, description="Standard deviation of what gaussian arms pay.")


class Bandits(World):
    """Sees nothing that changes, pulls an arm, and is paid."""

    Config = BanditsData
    config: BanditsData
    horizon, discount = 1, 1.0

    @classmethod
    def input_shape(cls, config: BanditsData) -> tuple[int, ...]:
        """Return (1,): a one, always."""
        return (1,)

    @classmethod
    def example_shape(cls, config: BanditsData) -> tuple[int, ...]:
        """Return (arms,): what each pays in the mean."""
        return (config.arms,)

    @classmethod
    def actions(cls, config: PartConfig) -> Actions:
        """Return a choice among the arms."""
        return Actions(config.arms if isinstance(config, BanditsData) else 0)

    def drawn(self, generator: Generator) -> NDArray[np.float64]:
        """Return what each arm pays in the mean [arms]."""
        if self.config.rewards == "gaussian":
            return generator.standard_normal(self.config.arms)
        return generator.uniform(size=self.config.arms)

    def begin(self, task: Tensor, count: int) -> Tensor:
        """Return ones."""
        return task.new_ones(count, 1)

    def observed(self, state: Tensor) -> Tensor:
        """Return the one."""
        return state

    def chance(self, count: int, generator: torch.Generator) -> Tensor:
        """Return [1, count]: a uniform number, or a standard normal one, the same whichever arm is pulled."""
        shape = (self.horizon, count)
        if self.config.rewards == "gaussian":
            return torch.randn(shape, generator=generator, dtype=torch.float64)
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    def step(self, task: Tensor, state: Tensor, action: Tensor, chance: Tensor) -> Happened:
        """Pay, and end."""
        mean, luck = task[action], chance.to(task)
        paid = mean + self.config.deviation * luck if self.config.rewards == "gaussian" else (luck < mean).to(task)
        return Happened(state, paid, torch.zeros_like(paid))
