"""What every family of tasks to act in promises: states of the task, actions and luck alone, and an end."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from phiforge.certify.proof import Figure, Proof, count
from phiforge.learning.generators import torch_generator
from phiforge.learning.reinforcement.policies import policy_for
from phiforge.learning.reinforcement.trajectories import Trajectories, collected
from phiforge.registry import PartConfig
from phiforge.spec.task import Task
from phiforge.tasks.families import build_family
from phiforge.tasks.families.bases.world import World

COUNT = 6
TASK = Task(n_way=1, k_shot=2, n_query=2)


def proofs(config: PartConfig) -> Iterator[Proof]:
    """Yield the proofs of a world, acted in at random."""
    yield Proof("the same luck gives the same trajectories", partial(same, config))
    yield Proof("trajectories are of the shapes that it says, and finite", partial(shapes, config))
    yield Proof("each trajectory goes its own way, whoever is beside it", partial(alone, config))
    yield Proof("who has come to an end takes no step and gains nothing", partial(ends, config))


def same(config: PartConfig) -> Figure:
    """Count the parts of trajectories that differ when they are collected twice."""
    pairs = zip(_at_random(_world(config)), _at_random(_world(config)), strict=True)
    return count(not torch.equal(first, second) for first, second in pairs)


def shapes(config: PartConfig) -> Figure:
    """Count what is wrong with the shapes of trajectories, and what is no number."""
    world = _world(config)
    found = _at_random(world)
    seen = (COUNT, world.horizon, *world.input_shape(config))
    wrong = [found.observations.shape != seen, found.rewards.shape != seen[:2], found.going.shape != seen[:2]]
    return count([*wrong, *(not bool(each.double().isfinite().all()) for each in found)])


def alone(config: PartConfig) -> Figure:
    """Return how far the rewards of some trajectories are from those of the same actions and luck among fewer."""
    world, task = _world(config), _task(config)
    actions, chance = _at_random(world).actions, world.chance(COUNT, torch_generator("luck"))
    every, few = (_rewards(world, task, actions[:count], chance[:, :count]) for count in (COUNT, 2))
    return Figure(float((every[:2] - few).abs().max()), 0.0)


def ends(config: PartConfig) -> Figure:
    """Count the steps after an end that count or gain, and first steps that do not count."""
    found = _at_random(_world(config))
    over = found.going == 0
    again = found.going[:, 1:] > found.going[:, :-1]
    return count([bool(found.rewards[over].any()), bool(again.any()), not bool(found.going[:, 0].all())])


def _world(config: PartConfig) -> World:
    world = build_family(config)
    if not isinstance(world, World):
        raise TypeError(f"family {config.name!r} says that it is to be acted in, and is no World")
    return world


def _task(config: PartConfig) -> Tensor:
    batch = build_family(config).sample("train", TASK, 1, "certify")
    return torch.from_numpy(batch.support_x[0, 0]).double()


def _at_random(world: World) -> Trajectories:
    policy = policy_for(world.actions(world.config))
    parameters = {name: value.double() for name, value in policy.init().items()}

    def act(observation: Tensor, luck: Tensor) -> Tensor:
        return policy.act(parameters, observation.new_zeros(len(observation), policy.outputs), luck)

    draws, choices = torch_generator("luck"), torch_generator("choices")
    return collected(world, _task(world.config), COUNT, act, draws, choices)


def _rewards(world: World, task: Tensor, actions: Tensor, chance: Tensor) -> Tensor:
    state, found = world.begin(task, len(actions)), []
    for step in range(world.horizon):
        happened = world.step(task, state, actions[:, step], chance[step])
        state = happened.state
        found.append(happened.reward)
    return torch.stack(found, dim=1)
