"""Several objectives at once: what is better in one and worse in another cannot be compared."""

from collections.abc import Mapping, Sequence


def front(costs: Mapping[int, Sequence[float]]) -> list[int]:
    """Return, in order, those that no other dominates: none is as good in every cost and better in one.

    Example::

        front({0: (1.0, 5.0), 1: (2.0, 4.0), 2: (2.0, 6.0)})   # [0, 1]
    """
    every = list(costs.values())
    return sorted(number for number, mine in costs.items() if not any(_dominates(each, mine) for each in every))


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)
