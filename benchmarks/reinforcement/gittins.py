"""What is best on Bernoulli bandits with uniform priors: the Gittins index, and the optimal plan of a few pulls."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Count = tuple[int, int]
"""Wins and losses of an arm so far."""
LEVELS = 2001
"""Retirement rewards that are tried: the index is right to one part in so many less one."""
DEPTH = 150
"""Pulls looked ahead: what comes after is worth γ^DEPTH / (1 - γ) at most."""


def gittins_indices(pulls: int, discount: float) -> NDArray[np.float64]:
    """Return the index [pulls, pulls] of an arm by wins and losses, of together fewer than ``pulls``.

    It is the certain reward a step at which one would as soon retire as go on (Gittins 1979), found by dynamic
    programming over beta posteriors for every level of that reward at once.
    """
    levels = np.linspace(0, 1, LEVELS)
    retired = levels / (1 - discount)
    found = np.zeros((pulls, pulls))
    last = pulls + DEPTH
    mean = (np.arange(last + 1) + 1) / (last + 2)
    value = np.maximum(retired[:, None], mean[None] / (1 - discount))
    for total in reversed(range(last)):
        wins = np.arange(total + 1)
        chance = (wins + 1) / (total + 2)
        going = chance * (1 + discount * value[:, 1:]) + (1 - chance) * discount * value[:, :-1]
        if total < pulls:
            best = (going >= retired[:, None] - 1e-12).sum(axis=0)
            found[wins, total - wins] = levels[np.minimum(best, LEVELS) - 1]
        value = np.maximum(retired[:, None], going)
    return found


def plan(counts: tuple[Count, ...], left: int) -> Count:
    """Return the record of an arm to pull for the largest expected sum of ``left`` rewards; exact."""
    arms = sorted(set(counts))
    values = [_worth(_sorted(counts), arm, left) for arm in arms]
    return arms[int(np.argmax(values))]


def optimal_value(arms: int, pulls: int) -> float:
    """Return the largest expected sum of ``pulls`` rewards from ``arms`` of which nothing is known; exact."""
    return _value(((0, 0),) * arms, pulls)


@cache
def _value(counts: tuple[Count, ...], left: int) -> float:
    return max(_worth(counts, arm, left) for arm in set(counts)) if left else 0.0


@cache
def _worth(counts: tuple[Count, ...], arm: Count, left: int) -> float:
    rest, (wins, losses) = list(counts), arm
    rest.remove(arm)
    chance = (wins + 1) / (wins + losses + 2)
    won = _value(_sorted((*rest, (wins + 1, losses))), left - 1)
    lost = _value(_sorted((*rest, (wins, losses + 1))), left - 1)
    return chance * (1 + won) + (1 - chance) * lost


def _sorted(counts: tuple[Count, ...]) -> tuple[Count, ...]:
    return tuple(sorted(counts))
