"""Tabular Markov decision processes, drawn at random (Duan et al. 2016, "RL²", section 3.2)."""

from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from phiforge.registry import PartConfig
from phiforge.tasks.families.bases.world import Actions, Happened, World


class TabularMdpData(PartConfig):
    """Random Markov decision processes of a few states (Duan et al. 2016, section 3.2; Osband et al. 2013)."""

    name: Literal["tabular_mdp"] = "tabular_mdp"
    states: int = Field(default=10, ge=1, le=100, description="States; the first is where every trajectory begins.")
    actions: int = Field(default=5, ge=2, le=100, description="Actions in each state.")
    horizon: int = Field(default=10, ge=1, le=1000, description="Steps of a trajectory.")
    discount: float = Field(default=0.99, gt=0, le=1, description="γ.")


class TabularMdp(World):
    """Sees its state; transitions are by flat Dirichlet distributions, rewards normal around means from N(1, 1)."""

    Config = TabularMdpData
    config: TabularMdpData

    def __init__(self, config: TabularMdpData) -> None:
        super().__init__(config)
        self.horizon, self.discount = config.horizon, config.discount

    @classmethod
    def input_shape(cls, config: TabularMdpData) -> tuple[int, ...]:
        """Return (states,): a one at the state."""
        return (config.states,)

    @classmethod
    def example_shape(cls, config: TabularMdpData) -> tuple[int, ...]:
        """Return (states * actions * (1 + states),): means of rewards, and transitions."""
        return (config.states * config.actions * (1 + config.states),)

    @classmethod
    def actions(cls, config: PartConfig) -> Actions:
        """Return a choice among the actions."""
        return Actions(config.actions if isinstance(config, TabularMdpData) else 0)

    def drawn(self, generator: Generator) -> NDArray[np.float64]:
        """Return the means of rewards [states * actions], then the transitions [states * actions * states]."""
        states, actions = self.config.states, self.config.actions
        means = generator.normal(1.0, 1.0, size=states * actions)
        return np.concatenate([means, generator.dirichlet(np.ones(states), size=states * actions).ravel()])

    def means(self, task: Tensor) -> Tensor:
        """Return the mean of what each action pays [states, actions]."""
        return task[: self.config.states * self.config.actions].view(self.config.states, self.config.actions)

    def transitions(self, task: Tensor) -> Tensor:
        """Return the chance of each next state [states, actions, states]."""
        states, actions = self.config.states, self.config.actions
        return task[states * actions :].view(states, actions, states)

    def begin(self, task: Tensor, count: int) -> Tensor:
        """Return the first state and the step 0: [count, 2]."""
        return torch.zeros(count, 2, dtype=torch.int64, device=task.device)

    def observed(self, state: Tensor) -> Tensor:
        """Return a one at the state [n, states]."""
        return torch.nn.functional.one_hot(state[:, 0], self.config.states)

    def chance(self, count: int, generator: torch.Generator) -> Tensor:
        """Return [horizon, count, 2]: a uniform number for the transition, a standard normal one for the reward."""
        shape = (self.horizon, count, 1)
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
        return torch.cat([uniform, torch.randn(shape, generator=generator, dtype=torch.float64)], dim=2)

    def step(self, task: Tensor, state: Tensor, action: Tensor, chance: Tensor) -> Happened:
        """Pay for the action and go where the chance leads; the last step ends the trajectory."""
        place, luck = (state[:, 0], action), chance.to(task)
        paid = self.means(task)[place] + luck[:, 1]
        upto = self.transitions(task)[place].cumsum(dim=1)
        following = (luck[:, :1] >= upto).sum(dim=1).clamp(max=self.config.states - 1)
        step = state[:, 1] + 1
        return Happened(torch.stack([following, step], dim=1), paid, (step < self.horizon).to(paid))
