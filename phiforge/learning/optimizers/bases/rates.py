"""How fast each entry of φ moves at each version: a schedule, and groups of entries with rates of their own."""

import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from phiforge.spec.outer import Outer


def learning_rate(outer: Outer, version: int, lr: float | None = None) -> float:
    """Return the rate of the update from ``version``: linear warm-up, then as ``outer.schedule`` says.

    Args:
        outer: the outer loop, whose ``lr`` it is unless another is given.
        version: the version that is updated.
        lr: the rate at its highest.
    """
    highest = outer.lr if lr is None else lr
    if version < outer.warmup:
        return highest * (version + 1) / outer.warmup
    return highest * _SCHEDULES[outer.schedule](outer, version - outer.warmup)


def _constant(outer: Outer, done: int) -> float:
    return 1.0


def _cosine(outer: Outer, done: int) -> float:
    return _half_cosine(_share(outer, done))


def _linear(outer: Outer, done: int) -> float:
    return 1 - _share(outer, done)


def _restarts(outer: Outer, done: int) -> float:
    """Cosine annealing with warm restarts (Loshchilov and Hutter 2017, "SGDR", equation 5, with η_min = 0)."""
    period = outer.period
    while done >= period:
        done, period = done - period, period * outer.period_factor
    return _half_cosine(done / period)


def _halving(outer: Outer, done: int) -> float:
    return float(0.5 ** (done // outer.period))


def _share(outer: Outer, done: int) -> float:
    return done / max(1, outer.versions - outer.warmup)


def _half_cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


_SCHEDULES: Mapping[str, Callable[[Outer, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "restarts": _restarts,
    "halving": _halving,
}


def rate_of(outer: Outer, version: int, name: str) -> float:
    """Return the rate of φ's entry ``name`` in the update from ``version``: of the first group whose pattern fits."""
    group = next((each for each in outer.groups if fnmatchcase(name, each.pattern)), None)
    return learning_rate(outer, version, group.lr if group else None)
