"""Worlds do what their papers say, and who knows all gains most there."""

import numpy as np
import pytest
import torch

from benchmarks.reinforcement import players
from benchmarks.reinforcement.gittins import gittins_indices, optimal_value, plan
from phiforge.learning.reinforcement.advantages import advantages, linear_baseline, to_go
from phiforge.learning.reinforcement.trajectories import Trajectories
from phiforge.spec.task import Task
from phiforge.tasks.families.bandits import Bandits, BanditsData
from phiforge.tasks.families.navigation import Navigation, NavigationData
from phiforge.tasks.families.tabular_mdp import TabularMdp, TabularMdpData

TASK = Task(n_way=1, k_shot=5, n_query=20)


def tasks_of(world, count=8):
    return list(world.sample("test", TASK, count, "worlds").episodes(dtype=torch.float64))


def test_navigation_as_published():
    # Given a goal at (0.25, 0) and strides of 0.1, if someone steps right too far, right and up
    world = Navigation(NavigationData())
    goal, state = torch.tensor([0.25, 0.0]), torch.zeros(1, 3)
    first = world.step(goal, state, torch.tensor([[7.0, 0.0]]), torch.empty(1, 0))
    second = world.step(goal, first.state, torch.tensor([[1.0, 0.5]]), torch.empty(1, 0))
    # I expect strides cut to 0.1, and the negative squared distance each time,
    assert first.reward.item() == pytest.approx(-(0.15**2), rel=1e-5)
    assert second.reward.item() == pytest.approx(-(0.05**2 + 0.05**2), rel=1e-5)
    # an end within 0.01 of the goal, and nothing after it.
    third = world.step(goal, second.state, torch.tensor([[0.5, -0.5]]), torch.empty(1, 0))
    assert third.going.item() == 0
    assert world.step(goal, third.state, torch.tensor([[1.0, 1.0]]), torch.empty(1, 0)).reward.item() == 0


def test_bandits_pay_what_the_task_says():
    # Given arms that pay 0.9 and 0.1 of the time, and luck of both kinds
    world, task, luck = Bandits(BanditsData(arms=2)), torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    # I expect the first to pay and the second not; gaussian arms pay their mean and so many deviations.
    paid = world.step(task, world.begin(task, 2), torch.tensor([0, 1]), luck).reward
    assert paid.tolist() == [1.0, 0.0]
    gaussian = Bandits(BanditsData(arms=2, rewards="gaussian", deviation=2.0))
    paid = gaussian.step(task, world.begin(task, 2), torch.tensor([0, 1]), luck).reward
    assert paid.tolist() == pytest.approx([1.9, 1.1])


def test_transitions_come_as_often_as_the_task_says():
    # Given a process of three states, if one action is taken with evenly spread luck
    world = TabularMdp(TabularMdpData(states=3, actions=2))
    task = torch.from_numpy(world.drawn(np.random.default_rng(0)))
    count = 3000
    luck = torch.stack([(torch.arange(count) + 0.5).double() / count, torch.zeros(count).double()], dim=1)
    happened = world.step(task, world.begin(task, count), torch.ones(count, dtype=torch.int64), luck)
    # I expect next states by their chances, and the mean reward.
    shares = torch.bincount(happened.state[:, 0], minlength=3) / count
    assert shares.tolist() == pytest.approx(world.transitions(task)[0, 1].tolist(), abs=1e-3)
    assert happened.reward.tolist() == pytest.approx([world.means(task)[0, 1].item()] * count)


def test_gittins_indices_as_published():
    # Given γ = 0.9, I expect the indices of Gittins, Glazebrook and Weber 2011, table 8.7, to our precision.
    found = gittins_indices(4, 0.9)
    assert found[0, 0] == pytest.approx(0.7029, abs=6e-4)
    assert found[1, 0] == pytest.approx(0.8001, abs=6e-4)
    assert found[0, 1] == pytest.approx(0.5001, abs=6e-4)


def test_the_best_plan_of_two_pulls():
    # Given two arms and two pulls, I expect 1/2, and then 2/3 after a win or 1/2 on the other arm after a loss;
    assert optimal_value(2, 2) == pytest.approx(0.5 + 0.5 * 2 / 3 + 0.5 * 0.5)
    # to stay with what won, and to leave what lost.
    assert plan(((1, 0), (0, 0)), 1) == (1, 0)
    assert plan(((0, 1), (0, 0)), 1) == (0, 0)


def test_floors_lie_below_ceilings():
    # Given a few tasks of each world, I expect who plays at random to gain least, and who knows all most.
    bandits, navigation, process = Bandits(BanditsData()), Navigation(NavigationData()), TabularMdp(TabularMdpData())
    gains = [
        np.mean([players.pulled(bandits, each, player) for each in tasks_of(bandits, 60)])
        for player in (players.at_random, players.bayes_optimal)
    ]
    assert gains[0] < gains[1]
    walks = [[play(navigation, each) for each in tasks_of(navigation)] for play in (players.wandered, players.straight)]
    assert np.max(walks[0]) < np.min(walks[1])
    plays = (players.roamed, players.posterior_sampling, players.optimal)
    roams = [np.mean([play(process, each) for each in tasks_of(process)]) for play in plays]
    assert roams == sorted(roams)


def test_advantages():
    # Given rewards of two trajectories, of which the second ends early, and values
    rewards, going = torch.tensor([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    seen = torch.zeros(2, 3, 1)
    met, values = Trajectories(seen, torch.zeros(2, 3), rewards, going), torch.full((2, 3), 0.5)
    # I expect, with λ of 1, what came less the value, and with λ of 0 the reward and the next value less it.
    assert to_go(met, 0.5).tolist() == [[2.75, 3.5, 3.0], [1.0, 0.0, 0.0]]
    assert advantages(met, values, 0.5, 1.0).tolist() == [[2.25, 3.0, 2.5], [0.5, 0.0, 0.0]]
    assert advantages(met, values, 0.5, 0.0).tolist() == [[0.75, 1.75, 2.5], [0.5, 0.0, 0.0]]
    # A linear fit of what is linear in t leaves nothing.
    steady = met._replace(rewards=torch.ones(2, 3), going=torch.ones(2, 3))
    assert linear_baseline(steady, 1.0)[0].tolist() == pytest.approx([3.0, 2.0, 1.0], abs=0.05)
