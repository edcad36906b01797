"""Means with confidence intervals over tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class Estimate(NamedTuple):
    """A mean over tasks and the half width of its 95 % confidence interval."""

    mean: float
    ci95: float


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of at least two per-task values with its normal 95 % interval, as the field reports it."""
    array = np.asarray(values, dtype=np.float64)
    return Estimate(float(array.mean()), float(Z95 * array.std(ddof=1) / np.sqrt(len(array))))
