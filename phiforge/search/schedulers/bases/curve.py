"""How a trial did from rung to rung, as schedulers take it."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple


class Curve(NamedTuple):
    """The costs of a trial, lower is better.

    Args:
        costs: at each of its rungs so far, from the first on
        whole: whether it was trained to its end

    Example::

        Curve((0.9, 0.5, 0.7)).best(2), Curve((0.9, 0.5, 0.7)).average(2)   # 0.5, 0.7
    """

    costs: Sequence[float]
    whole: bool = False

    def best(self, rungs: int) -> float:
        """Return the lowest cost at the first ``rungs`` rungs."""
        return min(self.costs[:rungs])

    def average(self, rungs: int) -> float:
        """Return the mean cost of the first ``rungs`` rungs."""
        return fmean(self.costs[:rungs])
