"""Trajectories of one task, many at once: collected with a policy, and what came of them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from phiforge.learning.generators import torch_generator
from phiforge.tasks.families.bases.world import World

Act = Callable[[Tensor, Tensor], Tensor]
"""Returns the actions for observations [n, observations] with luck [n, ...]: int64 [n], or float [n, count]."""


class Trajectories(NamedTuple):
    """Of n trajectories: ``observations`` [n, T, o], ``actions`` [n, T] or [n, T, count], ``rewards`` [n, T].

    ``going`` [n, T] is 1 as long as a step was taken, and 0 after the end of a trajectory.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    going: Tensor

    def returned(self, discount: float = 1.0) -> Tensor:
        """Return Σ γ^t r_t of each trajectory [n]."""
        return (self.rewards * powers(discount, self.rewards)).sum(dim=1)


def powers(discount: float, like: Tensor) -> Tensor:
    """Return γ^t of each step [T], of the type of ``like`` [n, T]."""
    return discount ** torch.arange(like.shape[1], dtype=like.dtype, device=like.device)


def world_draws(y: Tensor, use: int = 0) -> Generator:
    """Return the generator that the seeds ``y`` [n, 1] of an episode's trajectories name; another for each ``use``."""
    return torch_generator("trajectories", use, *(int(seed) for seed in y.flatten().tolist()))


def luck_of_actions(world: World, count: int, generator: Generator) -> Tensor:
    """Return what decides actions [horizon, count, ...]: uniform numbers for choices, normal ones for values."""
    actions = world.actions(world.config)
    if actions.continuous:
        return torch.randn(world.horizon, count, actions.size, generator=generator, dtype=torch.float64)
    return torch.rand(world.horizon, count, generator=generator, dtype=torch.float64)


@torch.no_grad()
def collected(world: World, task: Tensor, count: int, act: Act, draws: Generator, choices: Generator) -> Trajectories:
    """Return ``count`` trajectories of a task.

    Args:
        world: where it is.
        task: what defines it [numbers].
        count: how many trajectories.
        act: the policy.
        draws: the world's luck, drawn on the CPU.
        choices: the policy's luck, drawn on the CPU.
    """
    luck, chance = luck_of_actions(world, count, choices).to(task), world.chance(count, draws).to(task.device)
    state, going = world.begin(task, count), task.new_ones(count)
    seen: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for step in range(world.horizon):
        observation = world.observed(state).to(task)
        action = act(observation, luck[step])
        happened = world.step(task, state, action, chance[step])
        seen.append((observation, action, happened.reward * going, going))
        state, going = happened.state, going * happened.going
    return Trajectories(*(torch.stack(each, dim=1) for each in zip(*seen, strict=True)))
