"""The outer optimiser: pure functions from (φ, state, gradient) to (φ, state), computed in float64."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from phiforge.learning.tensors import Tensors, with_prefix, without_prefix
from phiforge.spec.outer import AdamConfig, Outer, SgdConfig


class Updated(NamedTuple):
    """φ and the optimiser's state after one outer update, in the types they came in."""

    phi: Tensors
    state: Tensors


SINCE = "since"
"""Names the version at which a state was zero, in a state that did not begin with its run."""


def init_state(outer: Outer, phi: Mapping[str, Tensor], version: int = 0) -> Tensors:
    """Return the state before the first update: zeros of φ's shapes under ``mean/``, ``square/`` or ``momentum/``.

    Where the first update is not that of version 0, Adam must know which it is, to correct its moments' bias.
    """
    state = {f"{slot}/{name}": torch.zeros_like(value) for slot in outer.optimizer.slots for name, value in phi.items()}
    adam = isinstance(outer.optimizer, AdamConfig)
    return state | {SINCE: torch.tensor(version)} if adam and version else state


def update(
    outer: Outer, version: int, phi: Mapping[str, Tensor], state: Mapping[str, Tensor], gradient: Mapping[str, Tensor]
) -> Updated:
    """Return φ of ``version + 1``; entries of φ without a gradient stay as they are."""
    gradient = clipped(gradient, outer.clip_norm)
    lr = learning_rate(outer, version)
    if isinstance(outer.optimizer, AdamConfig):
        return _adam(outer.optimizer, lr, version, phi, state, gradient)
    return _sgd(outer.optimizer, lr, phi, state, gradient)


def learning_rate(outer: Outer, version: int) -> float:
    """Return the rate of the update from ``version``: linear warm-up, then constant or a half cosine down to zero."""
    if version < outer.warmup:
        return outer.lr * (version + 1) / outer.warmup
    if outer.schedule == "constant":
        return outer.lr
    done = (version - outer.warmup) / max(1, outer.versions - outer.warmup)
    return outer.lr * 0.5 * (1 + math.cos(math.pi * done))


def clipped(gradient: Mapping[str, Tensor], clip_norm: float | None) -> Tensors:
    """Return ``gradient`` in float64, scaled down to Euclidean norm ``clip_norm`` if it is longer."""
    exact = {name: value.double() for name, value in gradient.items()}
    if clip_norm is None or not exact:
        return exact
    norm = math.sqrt(sum(float(value.square().sum()) for value in exact.values()))
    return exact if norm <= clip_norm else {name: value * (clip_norm / norm) for name, value in exact.items()}


def _adam(
    config: AdamConfig,
    lr: float,
    version: int,
    phi: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    gradient: Mapping[str, Tensor],
) -> Updated:
    means, squares = without_prefix("mean", state), without_prefix("square", state)
    new_phi = dict(phi)
    since = {name: value for name, value in state.items() if name == SINCE}
    updates = version + 1 - int(since.get(SINCE, 0))
    mean_scale, square_scale = 1 - config.beta1**updates, 1 - config.beta2**updates
    for name, slope in gradient.items():
        mean = (config.beta1 * means[name].double()).add_((1 - config.beta1) * slope)
        square = (config.beta2 * squares[name].double()).add_((1 - config.beta2) * slope.square())
        step = (mean / mean_scale).div_((square / square_scale).sqrt_().add_(config.epsilon))
        new_phi[name] = (phi[name].double() - lr * step).to(phi[name].dtype)
        means[name], squares[name] = mean.to(phi[name].dtype), square.to(phi[name].dtype)
    return Updated(new_phi, with_prefix("mean", means) | with_prefix("square", squares) | since)


def _sgd(
    config: SgdConfig,
    lr: float,
    phi: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    gradient: Mapping[str, Tensor],
) -> Updated:
    momenta = without_prefix("momentum", state)
    new_phi = dict(phi)
    for name, slope in gradient.items():
        momentum = config.momentum * momenta[name].double() + slope
        new_phi[name] = (phi[name].double() - lr * momentum).to(phi[name].dtype)
        momenta[name] = momentum.to(phi[name].dtype)
    return Updated(new_phi, with_prefix("momentum", momenta))
