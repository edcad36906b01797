"""Figures of regret over repetitions: medians, quartiles, and how often one search is ahead of another."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

Curves = Mapping[str, NDArray[np.float64]]
"""Regret of each search [repetitions, evaluations]."""

SIGNIFICANT = 0.05


class Against(NamedTuple):
    """One search beside another after so many evaluations: the chance that it is ahead, ties by half, and p."""

    ahead: float
    p: float

    @property
    def verdict(self) -> str:
        """Whether it is ahead, behind, or neither can be said."""
        if self.p >= SIGNIFICANT:
            return "no difference shown"
        return "ahead" if self.ahead > 0.5 else "behind"


def quartiles(regrets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quartiles [3, evaluations] of regrets [repetitions, evaluations]."""
    found: NDArray[np.float64] = np.percentile(regrets, [25, 50, 75], axis=0)
    return found


def against(regrets: Sequence[float], others: Sequence[float]) -> Against:
    """Compare regrets of one search with those of another (Mann and Whitney 1947, two-sided)."""
    found = mannwhitneyu(others, regrets, alternative="two-sided")
    return Against(float(found.statistic) / (len(regrets) * len(others)), float(found.pvalue))
