"""How fast each entry of φ moves at each version: a schedule, and groups of entries with rates of their own."""

import math
from fnmatch import fnmatchcase

from phiforge.spec.outer import Outer


def learning_rate(outer: Outer, version: int, lr: float | None = None) -> float:
    """Return the rate of the update from ``version``: linear warm-up, then constant or a half cosine down to zero.

    Args:
        outer: the outer loop, whose ``lr`` it is unless another is given.
        version: the version that is updated.
        lr: the rate at its highest.
    """
    highest = outer.lr if lr is None else lr
    if version < outer.warmup:
        return highest * (version + 1) / outer.warmup
    if outer.schedule == "constant":
        return highest
    done = (version - outer.warmup) / max(1, outer.versions - outer.warmup)
    return highest * 0.5 * (1 + math.cos(math.pi * done))


def rate_of(outer: Outer, version: int, name: str) -> float:
    """Return the rate of φ's entry ``name`` in the update from ``version``: of the first group whose pattern fits."""
    group = next((each for each in outer.groups if fnmatchcase(name, each.pattern)), None)
    return learning_rate(outer, version, group.lr if group else None)
