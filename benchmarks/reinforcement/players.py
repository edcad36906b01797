"""Who plays without having learned: floors and ceilings of each world, on the tasks and the luck of the learners."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from benchmarks.reinforcement.gittins import gittins_indices, plan
from phiforge.learning.generators import torch_generator
from phiforge.learning.reinforcement.lives import Mind, lived
from phiforge.learning.reinforcement.trajectories import collected, world_draws
from phiforge.tasks.episodes import Episode
from phiforge.tasks.families.bandits import Bandits
from phiforge.tasks.families.navigation import Navigation
from phiforge.tasks.families.tabular_mdp import TabularMdp


class Records(NamedTuple):
    """Of n lives: how often each arm was pulled and what it paid in all [n, arms], and pulls that are left."""

    pulls: Tensor
    gains: Tensor
    left: int


Pull = Callable[[Records, Generator], Tensor]
"""Returns the scores [n, arms] of arms, of which the largest is pulled."""


def at_random(records: Records, draws: Generator) -> Tensor:
    """Any arm."""
    return torch.rand(records.pulls.shape, generator=draws, dtype=torch.float64)


def ucb1(records: Records, draws: Generator) -> Tensor:
    """Auer et al. 2002: each arm once, then by its mean and √(2 ln t / pulls)."""
    pulls = records.pulls.clamp(min=1)
    bound = (2 * records.pulls.sum(dim=1, keepdim=True).clamp(min=1).log() / pulls).sqrt()
    never = (records.pulls == 0) * 1e6
    return records.gains / pulls + bound + never + 1e-9 * at_random(records, draws)


def thompson_bernoulli(records: Records, draws: Generator) -> Tensor:
    """Thompson 1933, of uniform priors: a draw from each arm's beta posterior."""
    generator = np.random.default_rng(int(torch.randint(2**31, (1,), generator=draws)))
    losses = records.pulls - records.gains
    return torch.from_numpy(generator.beta(records.gains.numpy() + 1, losses.numpy() + 1))


def thompson_gaussian(records: Records, draws: Generator) -> Tensor:
    """The same of standard normal priors and rewards of deviation 1."""
    noise = torch.randn(records.pulls.shape, generator=draws, dtype=torch.float64)
    return records.gains / (records.pulls + 1) + noise / (records.pulls + 1).sqrt()


def gittins(pulls: int, discount: float) -> Pull:
    """The arm of the largest Gittins index."""
    table = torch.from_numpy(gittins_indices(pulls, discount))

    def scores(records: Records, draws: Generator) -> Tensor:
        return table[records.gains.long(), (records.pulls - records.gains).long()] + 1e-9 * at_random(records, draws)

    return scores


def bayes_optimal(records: Records, draws: Generator) -> Tensor:
    """The arm of the plan that is best in the mean over uniform priors."""
    wins, losses = records.gains.long().tolist(), (records.pulls - records.gains).long().tolist()
    counts = [tuple(zip(won, lost, strict=True)) for won, lost in zip(wins, losses, strict=True)]
    chosen = [plan(each, records.left) for each in counts]
    return torch.tensor([[float(arm == best) for arm in each] for each, best in zip(counts, chosen, strict=True)])


def pulled(world: Bandits, episode: Episode, pull: Pull) -> float:
    """Return the mean reward of a player on one task: as many lives and pulls, and the same luck, as RL² has."""
    lives, trajectories = len(episode.query_x), len(episode.support_x)
    arms, task = world.config.arms, episode.query_x[0].double()
    chance = world.chance(lives * trajectories, world_draws(episode.query_y))
    draws, rows = torch_generator("player", int(episode.query_y[0])), torch.arange(lives)
    pulls, gains, total = torch.zeros(lives, arms).double(), torch.zeros(lives, arms).double(), 0.0
    for step in range(trajectories):
        arm = pull(Records(pulls, gains, trajectories - step), draws).argmax(dim=1)
        luck = chance[0, step * lives : (step + 1) * lives]
        reward = world.step(task, world.begin(task, lives), arm, luck).reward
        pulls[rows, arm] += 1
        gains[rows, arm] += reward
        total += float(reward.mean())
    return total / trajectories


def wandered(world: Navigation, episode: Episode) -> float:
    """Return the mean return of standard normal strides."""
    return _walked(world, episode, lambda seen, luck: luck)


def straight(world: Navigation, episode: Episode) -> float:
    """Return the mean return of who knows the goal and goes straight to it along each axis: no policy does better."""
    goal = episode.query_x[0].double()
    return _walked(world, episode, lambda seen, luck: (goal - seen) / world.config.stride)


def _walked(world: Navigation, episode: Episode, act: Callable[[Tensor, Tensor], Tensor]) -> float:
    draws, choices = world_draws(episode.query_y), torch_generator("player", int(episode.query_y[0]))
    return float(collected(world, episode.query_x[0].double(), 20, act, draws, choices).returned().mean())


def roamed(world: TabularMdp, episode: Episode) -> float:
    """Return the mean return of actions at random."""
    indifferent = torch.ones(world.horizon, world.config.states, world.config.actions).double()
    return _followed(world, episode, indifferent, sure=False)


def optimal(world: TabularMdp, episode: Episode) -> float:
    """Return the mean return of the best policy of who knows the process: no learner does better in the mean."""
    task = episode.query_x[0].double()
    return _followed(world, episode, _planned(world, world.means(task)[None], world.transitions(task)[None])[:, 0])


def posterior_sampling(world: TabularMdp, episode: Episode) -> float:
    """Return what PSRL gains (Osband et al. 2013): before each trajectory a process is drawn, and planned for."""
    lives, trajectories, task = len(episode.query_x), len(episode.support_x), episode.query_x[0].double()
    draws, states, actions = world_draws(episode.query_y), world.config.states, world.config.actions
    chance = world.chance(lives * trajectories, draws)
    own = np.random.default_rng(int(episode.query_y[0]))
    visits, gains = torch.zeros(lives, states, actions).double(), torch.zeros(lives, states, actions).double()
    seen, rows, total = torch.ones(lives, states, actions, states).double(), torch.arange(lives), 0.0
    for trajectory in range(trajectories):
        noise = torch.from_numpy(own.standard_normal(visits.shape))
        means = (1 + gains) / (visits + 1) + noise / (visits + 1).sqrt()
        rates = torch.from_numpy(own.standard_gamma(seen.numpy()))
        policy = _planned(world, means, rates / rates.sum(dim=3, keepdim=True)).argmax(dim=3)
        state = world.begin(task, lives)
        for step in range(world.horizon):
            place, action = state[:, 0], policy[step, rows, state[:, 0]]
            luck = chance[step, trajectory * lives : (trajectory + 1) * lives]
            happened = world.step(task, state, action, luck)
            visits[rows, place, action] += 1
            gains[rows, place, action] += happened.reward
            seen[rows, place, action, happened.state[:, 0]] += 1
            state, total = happened.state, total + float(happened.reward.mean())
    return total / trajectories


def _planned(world: TabularMdp, means: Tensor, transitions: Tensor) -> Tensor:
    """Return what each action is worth [horizon, n, states, actions] by backward induction, not discounted."""
    value, worth = torch.zeros(means.shape[:2]).double(), []
    for _ in range(world.horizon):
        worth.append(means + (transitions @ value[:, None, :, None])[..., 0])
        value = worth[-1].amax(dim=2)
    return torch.stack(worth[::-1])


def _followed(world: TabularMdp, episode: Episode, worth: Tensor, *, sure: bool = True) -> float:
    """Return the mean return over lives of who takes the most worthy action by step and state, or any."""
    shape = (len(episode.query_x), len(episode.support_x))
    blank = torch.zeros(1).double()

    def remember(inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        place = inputs[:, : world.config.states].argmax(dim=1)
        step = memory[:, 0].long() % world.horizon
        return worth[step, place], memory + 1

    def choose(outputs: Tensor, luck: Tensor) -> Tensor:
        return outputs.argmax(dim=1) if sure else (luck * outputs.shape[1]).long()

    mind = Mind(remember, choose, lambda action: torch.zeros(len(action), 1), 1, blank)
    draws, choices = world_draws(episode.query_y), torch_generator("player", int(episode.query_y[0]))
    lives = lived(world, episode.query_x[0].double(), shape, mind, draws, choices)
    return float(lives.rewards.sum(dim=1).mean()) / shape[1]
