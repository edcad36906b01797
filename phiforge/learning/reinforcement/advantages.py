"""How much better an action was than what was to be expected: returns less a baseline, or GAE."""

import torch
from torch import Tensor

from phiforge.learning.reinforcement.trajectories import Trajectories

_RIDGE = 1e-5
"""Of the fit, as in Duan et al. 2016, "Benchmarking deep reinforcement learning"."""
_TINY = 1e-8


def to_go(trajectories: Trajectories, discount: float) -> Tensor:
    """Return what is still to come at each step: Σ γ^k r_(t+k), [n, T]."""
    return _summed_back(trajectories.rewards, discount)


def linear_baseline(trajectories: Trajectories, discount: float) -> Tensor:
    """Return the values [n, T] that a linear fit of features of place and time gives to what is still to come.

    Features are the observation, its squares, t, t², t³ and 1 (Duan et al. 2016, "Benchmarking deep reinforcement
    learning for continuous control", section 4.1), with t in hundreds of steps.
    """
    seen = trajectories.observations.double()
    count, steps, _ = seen.shape
    time = (torch.arange(steps, dtype=torch.float64, device=seen.device) / 100).expand(count, steps)[..., None]
    features = torch.cat([seen, seen**2, time, time**2, time**3, torch.ones_like(time)], dim=2).flatten(0, 1)
    weights, wanted = trajectories.going.double().reshape(-1, 1), to_go(trajectories, discount).double().reshape(-1, 1)
    weighted = (features * weights).T
    ridge = _RIDGE * torch.eye(features.shape[1], dtype=torch.float64, device=seen.device)
    fit: Tensor = torch.linalg.solve(weighted @ features + ridge, weighted @ wanted)
    found: Tensor = features @ fit
    return found.view(count, steps).to(trajectories.rewards)


def advantages(trajectories: Trajectories, values: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Return the generalised advantage estimates [n, T] (Schulman et al. 2016, equation 16), 0 after the end.

    Args:
        trajectories: what happened.
        values: what was to be expected at each step [n, T].
        discount: γ.
        gae_lambda: λ; at 1 they are what came, less ``values``.
    """
    return advantages_of(trajectories.rewards, values, trajectories.going, discount, gae_lambda)


def advantages_of(rewards: Tensor, values: Tensor, going: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Return the same of ``rewards`` [n, T] and of who is ``going`` [n, T]."""
    following = torch.cat([(values * going)[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    surprise = (rewards + discount * following - values) * going
    return _summed_back(surprise, discount * gae_lambda) * going


def standardised(values: Tensor, going: Tensor) -> Tensor:
    """Return ``values`` [n, T] of the steps taken, with mean 0 and deviation 1; others are 0."""
    steps = going.sum()
    centred = (values - (values * going).sum() / steps) * going
    return centred / ((centred.square().sum() / steps).sqrt() + _TINY)


def beside_peers(values: Tensor, going: Tensor) -> Tensor:
    """Return ``values`` [n, T] less the mean of all n in the same step, divided by their deviation.

    Lives in one task meet the same luck with it, so that their mean says how good a task is.
    """
    centred = (values - values.mean(dim=0)) * going
    return centred / ((centred.square().sum() / going.sum()).sqrt() + _TINY)


def _summed_back(values: Tensor, rate: float) -> Tensor:
    """Return Σ_k rate^k · values_(t+k) of each step [n, T]."""
    total, found = torch.zeros_like(values[:, 0]), []
    for column in reversed(values.unbind(dim=1)):
        total = column + rate * total
        found.append(total)
    return torch.stack(found[::-1], dim=1)
