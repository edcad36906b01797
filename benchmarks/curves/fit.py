"""How straight a curve is, as figures."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Fit(NamedTuple):
    """Of costs y at work x: the line through both ends, and e of y ~ x^e as ``exponent``.

    ``start`` is the line's cost without work, ``slope`` that of one more; ``off`` [points] is y over the line. A cost
    that does not depend on x (a query set, however many shots) keeps a line straight, but not its exponent at 1.
    """

    start: float
    slope: float
    off: list[float]
    exponent: float

    @property
    def worst(self) -> float:
        """The ratio that is furthest from 1."""
        return max(self.off, key=lambda ratio: abs(math.log(ratio)))


def fitted(x: Sequence[float], y: Sequence[float]) -> Fit:
    """Return how straight positive ``y`` are over growing, positive ``x``."""
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    start = y[0] - slope * x[0]
    off = [cost / (start + slope * work) for work, cost in zip(x, y, strict=True)]
    return Fit(start, slope, off, _slope([math.log(each) for each in x], [math.log(each) for each in y]))


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of the line of least squares."""
    middle = sum(x) / len(x)
    height = sum(y) / len(y)
    across = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True))
    return across / sum((a - middle) ** 2 for a in x)
