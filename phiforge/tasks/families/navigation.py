"""2-D navigation: a goal in the plane that only rewards tell of (Finn et al. 2017, section 5.3)."""

from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from phiforge.registry import PartConfig
from phiforge.tasks.families.bases.world import Actions, Happened, World


class NavigationData(PartConfig):
    """A point that moves in the plane, and a goal that only rewards tell of (Finn et al. 2017, section 5.3)."""

    name: Literal["navigation"] = "navigation"
    reach: float = Field(default=0.5, gt=0, le=1e3, description="Goals lie in a square of ± so much around the start.")
    stride: float = Field(default=0.1, gt=0, le=1e3, description="Longest step along each axis.")
    arrival: float = Field(default=0.01, ge=0, le=1e3, description="Distance to the goal at which a trajectory ends.")
    horizon: int = Field(default=100, ge=1, le=10_000, description="Most steps of a trajectory.")
    discount: float = Field(default=0.99, gt=0, le=1, description="γ.")


class Navigation(World):
    """Sees its position, moves by the action in strides, and is rewarded −|distance to the goal|² after each step."""

    Config = NavigationData
    config: NavigationData

    def __init__(self, config: NavigationData) -> None:
        super().__init__(config)
        self.horizon, self.discount = config.horizon, config.discount

    @classmethod
    def input_shape(cls, config: NavigationData) -> tuple[int, ...]:
        """Return (2,): a position."""
        return (2,)

    @classmethod
    def example_shape(cls, config: NavigationData) -> tuple[int, ...]:
        """Return (2,): a goal."""
        return (2,)

    @classmethod
    def actions(cls, config: PartConfig) -> Actions:
        """Return two numbers: strides along each axis, cut to [-1, 1]."""
        return Actions(2, continuous=True)

    def drawn(self, generator: Generator) -> NDArray[np.float64]:
        """Return the goal [2]."""
        return generator.uniform(-self.config.reach, self.config.reach, size=2)

    def begin(self, task: Tensor, count: int) -> Tensor:
        """Return the origin, not arrived: [count, 3]."""
        return task.new_zeros(count, 3)

    def observed(self, state: Tensor) -> Tensor:
        """Return the position."""
        return state[:, :2]

    def chance(self, count: int, generator: torch.Generator) -> Tensor:
        """Return nothing: where an action leads is certain."""
        return torch.empty(self.horizon, count, 0, dtype=torch.float64)

    def step(self, task: Tensor, state: Tensor, action: Tensor, chance: Tensor) -> Happened:
        """Move whoever has not arrived; who arrives goes on no more, and is rewarded for that step still."""
        arrived = state[:, 2]
        moved = state[:, :2] + (1 - arrived)[:, None] * self.config.stride * action.clamp(-1, 1)
        squared = (moved - task).square().sum(dim=1)
        there = (squared <= self.config.arrival**2).to(state) if self.config.arrival else torch.zeros_like(arrived)
        now = torch.maximum(arrived, there)
        return Happened(torch.cat([moved, now[:, None]], dim=1), -squared * (1 - arrived), 1 - now)
