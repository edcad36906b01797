"""Lives: several trajectories of one task in a row, by a policy that remembers them (Duan et al. 2016, section 2.2)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from phiforge.learning.reinforcement.trajectories import luck_of_actions
from phiforge.tasks.families.bases.world import World


class Mind(NamedTuple):
    """A policy that remembers, at some φ.

    ``remember`` returns its outputs for inputs [n, inputs] and what it then remembers; ``choose`` returns actions by
    outputs and luck; ``describe`` returns actions as numbers [n, width]. ``blank`` [units] is what it knows at first.
    """

    remember: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    choose: Callable[[Tensor, Tensor], Tensor]
    describe: Callable[[Tensor], Tensor]
    width: int
    blank: Tensor


class Lives(NamedTuple):
    """Of n lives, T steps in all their trajectories: ``inputs`` [n, T, inputs], ``actions`` [n, T, ...].

    ``rewards`` [n, T]; ``going`` [n, T] is 0 where a trajectory was over early. ``memory`` [n, units] is what was
    remembered at the end.
    """

    inputs: Tensor
    actions: Tensor
    rewards: Tensor
    going: Tensor
    memory: Tensor


class _Now(NamedTuple):
    """What is known in between: what is remembered, the last action as numbers [n, width], the last reward [n, 1]."""

    memory: Tensor
    action: Tensor
    reward: Tensor


_Step = tuple[Tensor, Tensor, Tensor, Tensor]
"""Inputs, actions, rewards, and who was going."""


def inputs_of(world: World, width: int) -> int:
    """Return how many numbers the policy sees: an observation, the last action and reward, and whether it is a start.

    Args:
        world: where it is.
        width: numbers of an action.
    """
    return sum(world.input_shape(world.config)) + width + 2


@torch.no_grad()
def lived(
    world: World, task: Tensor, shape: tuple[int, int], mind: Mind, draws: Generator, choices: Generator
) -> Lives:
    """Return lives in a task.

    Args:
        world: where it is.
        task: what defines it [numbers].
        shape: how many lives, and of how many trajectories each.
        mind: the policy.
        draws: the world's luck, drawn on the CPU.
        choices: the policy's luck, drawn on the CPU.
    """
    count, trajectories = shape
    luck = luck_of_actions(world, count * trajectories, choices).to(task)
    chance = world.chance(count * trajectories, draws).to(task.device)
    now = _Now(mind.blank.expand(count, -1), task.new_zeros(count, mind.width), task.new_zeros(count, 1))
    steps: list[_Step] = []
    for part in range(0, count * trajectories, count):
        mine = slice(part, part + count)
        now = _through(world, task, mind, now, luck[:, mine], chance[:, mine], steps)
    inputs, actions, rewards, going = (torch.stack(each, dim=1) for each in zip(*steps, strict=True))
    return Lives(inputs, actions, rewards, going, now.memory)


def _through(
    world: World, task: Tensor, mind: Mind, now: _Now, luck: Tensor, chance: Tensor, steps: list[_Step]
) -> _Now:
    """Take all lives through a trajectory, note its ``steps``, and return what is known after it."""
    state, going = world.begin(task, len(now.action)), torch.ones_like(now.reward[:, 0])
    for step in range(world.horizon):
        start = torch.full_like(now.reward, float(step == 0))
        inputs = torch.cat([world.observed(state).to(task), now.action, now.reward, start], dim=1)
        outputs, memory = mind.remember(inputs, now.memory)
        action = mind.choose(outputs, luck[step])
        happened = world.step(task, state, action, chance[step])
        reward = happened.reward * going
        now = _Now(memory, mind.describe(action).to(task), reward[:, None])
        steps.append((inputs, action, reward, going))
        state, going = happened.state, going * happened.going
    return now
