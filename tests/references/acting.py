"""Policies and their gradients written out: every trajectory enumerated, the magic box, a GRU gate by gate.

No code of the library: plain loops, probabilities multiplied.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

Theta = Mapping[str, Tensor]


class Chain(NamedTuple):
    """A tiny decision process: ``following`` [states, actions, states] chances, ``rewards`` [states, actions]."""

    following: Tensor
    rewards: Tensor
    horizon: int
    discount: float


class Path(NamedTuple):
    """One trajectory: its states, of which the last is not acted in, its actions, and the chance of its transitions."""

    states: tuple[int, ...]
    actions: tuple[int, ...]
    chance: float


def paths(chain: Chain) -> list[Path]:
    """Every trajectory from the first state that can happen."""
    states, actions, _ = chain.following.shape
    found = []
    for acts in product(range(actions), repeat=chain.horizon):
        for rest in product(range(states), repeat=chain.horizon):
            places = (0, *rest)
            chance = 1.0
            for step, act in enumerate(acts):
                chance *= float(chain.following[places[step], act, places[step + 1]])
            if chance:
                found.append(Path(places, acts, chance))
    return found


def probability(policy: Tensor, path: Path) -> Tensor:
    """The chance of a trajectory under ``policy`` [states, actions], differentiable in it."""
    chance = torch.tensor(path.chance, dtype=policy.dtype)
    for state, act in zip(path.states, path.actions, strict=False):
        chance = chance * policy[state, act]
    return chance


def returned(chain: Chain, path: Path) -> float:
    """The discounted return of a trajectory."""
    steps = enumerate(zip(path.states, path.actions, strict=False))
    return sum(chain.discount**step * float(chain.rewards[state, act]) for step, (state, act) in steps)


def expected_return(chain: Chain, policy: Tensor) -> Tensor:
    """J: the discounted return of every trajectory, times its probability."""
    return sum(probability(policy, path) * returned(chain, path) for path in paths(chain))


def mlp_policy(theta: Theta, states: int) -> Tensor:
    """The chances [states, actions] of a perceptron's softmax, of a one at the state."""
    x, layer = torch.eye(states, dtype=torch.float64), 0
    while f"layer{layer}.weight" in theta:
        x = (x @ theta[f"layer{layer}.weight"].T + theta[f"layer{layer}.bias"]).clamp(min=0)
        layer += 1
    return (x @ theta["head.weight"].T + theta["head.bias"]).softmax(dim=1)


def dice(log_probabilities: Sequence[Sequence[Tensor]], rewards: Sequence[Sequence[float]], discount: float) -> Tensor:
    """The DiCE objective (Foerster et al. 2018, section 3.3), the mean over trajectories."""
    total = torch.zeros((), dtype=torch.float64)
    for logs, gains in zip(log_probabilities, rewards, strict=True):
        upto = torch.zeros((), dtype=torch.float64)
        for step, (log, gain) in enumerate(zip(logs, gains, strict=True)):
            upto = upto + log
            total = total + (upto - upto.detach()).exp() * discount**step * gain
    return total / len(rewards)


def descended(theta: Theta, loss: Callable[[Theta], Tensor], rate: float, *, second_order: bool) -> dict[str, Tensor]:
    """One gradient step, through which gradients pass if so said."""
    slopes = torch.autograd.grad(loss(theta), list(theta.values()), create_graph=second_order)
    kept = slopes if second_order else [slope.detach() for slope in slopes]
    return {name: value - rate * slope for (name, value), slope in zip(theta.items(), kept, strict=True)}


def gru(parameters: Theta, name: str, inputs: Tensor) -> list[Tensor]:
    """The states of a gated recurrent unit after each input [T, inputs], from zeros (Cho et al. 2014)."""
    wx, wh = parameters[f"{name}.input"], parameters[f"{name}.hidden"]
    bx, bh = parameters[f"{name}.input_bias"], parameters[f"{name}.hidden_bias"]
    units = wh.shape[1]
    state, found = torch.zeros(units, dtype=inputs.dtype), []
    for x in inputs:
        here, before = wx @ x + bx, wh @ state + bh
        reset = torch.sigmoid(here[:units] + before[:units])
        update = torch.sigmoid(here[units : 2 * units] + before[units : 2 * units])
        fresh = torch.tanh(here[2 * units :] + reset * before[2 * units :])
        state = (1 - update) * fresh + update * state
        found.append(state)
    return found


class Weights(NamedTuple):
    """Of an actor and critic: γ, λ, and what squared errors and entropy count."""

    discount: float
    gae_lambda: float
    value: float
    entropy: float


def actor_critic(parameters: Theta, inputs: Tensor, actions: Tensor, rewards: Tensor, weights: Weights) -> Tensor:
    """The surrogate of lives [n, T]: policy gradient with generalised advantages, squared errors, entropy."""
    lives, steps = rewards.shape
    logs, values, surprises = [], [], []
    for life in range(lives):
        states = gru(parameters, "memory", inputs[life])
        tables = [(parameters["policy.weight"] @ s + parameters["policy.bias"]).log_softmax(dim=0) for s in states]
        logs.append([table[int(actions[life, t])] for t, table in enumerate(tables)])
        surprises += [-(table.exp() * table).sum() for table in tables]
        values.append([(parameters["value.weight"] @ s + parameters["value.bias"])[0] for s in states])
    advantage = [[_gae(rewards[i], values[i], t, weights) for t in range(steps)] for i in range(lives)]
    means = [sum(row[t] for row in advantage) / lives for t in range(steps)]
    centred = torch.tensor([[row[t] - means[t] for t in range(steps)] for row in advantage], dtype=torch.float64)
    scale = centred.square().mean().sqrt() + 1e-8
    gain = sum(logs[i][t] * centred[i, t] / scale for i in range(lives) for t in range(steps)) / (lives * steps)
    aims = [[advantage[i][t] + values[i][t].item() for t in range(steps)] for i in range(lives)]
    wrong = sum((values[i][t] - aims[i][t]) ** 2 for i in range(lives) for t in range(steps)) / (lives * steps)
    return weights.value * wrong - gain - weights.entropy * sum(surprises) / (lives * steps)


def _gae(rewards: Tensor, values: Sequence[Tensor], start: int, weights: Weights) -> float:
    total = 0.0
    for step in range(start, len(rewards)):
        following = values[step + 1].item() if step + 1 < len(rewards) else 0.0
        surprise = rewards[step].item() + weights.discount * following - values[step].item()
        total += (weights.discount * weights.gae_lambda) ** (step - start) * surprise
    return total


def likelihoods(theta: Theta, states: Tensor, actions: Tensor) -> list[list[Tensor]]:
    """Log π of each action, by the perceptron's softmax; ``states`` [n, T, states] are ones at places."""
    policy = mlp_policy(theta, states.shape[2]).log()
    places = states.argmax(dim=2)
    return [[policy[int(s), int(a)] for s, a in zip(*row, strict=True)] for row in zip(places, actions, strict=True)]
