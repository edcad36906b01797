"""The median stopping rule (Golovin et al. 2017, section 3.2.1): worse than most were at that time, so stopped.

At step s a trial is stopped if its best cost so far is worse than the median of the running averages, over the steps up
to s, of all trials that were trained to their end.
"""

from collections.abc import Mapping
from statistics import median
from typing import Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.search.schedulers.bases.scheduler import Scheduler


class MedianStoppingConfig(PartConfig):
    """How often it looks, and when it begins."""

    name: Literal["median_stopping"] = "median_stopping"
    rungs: int = Field(default=4, ge=2, le=100, description="Times that trials are judged, their end included.")
    startup: int = Field(default=5, ge=1, description="Trials that must be whole before any is stopped.")


class MedianStopping(Scheduler):
    """Compares trials with those of earlier generations; with asynchronous proposals, with all that are whole by then.

    Its rungs are as far apart as each other.
    """

    Config = MedianStoppingConfig
    config: MedianStoppingConfig
    stops = True
    one_by_one = True

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return the rungs; the end is rounded up to a multiple of the first."""
        first = max(1, -(-versions // self.config.rungs))
        return tuple(range(first, versions + first, first)) if versions else (0,)

    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return all: of themselves trials tell nothing about each other."""
        return sorted(costs)

    def choose(self, here: Mapping[int, Curve], others: Mapping[int, Curve]) -> list[int]:
        """Return those whose best cost so far is no worse than the median."""
        return sorted(number for number, curve in here.items() if not self._is_behind(curve, others))

    def reason(self, here: Mapping[int, Curve], others: Mapping[int, Curve]) -> str:
        """Say what the median was of."""
        rungs = max((len(curve.costs) for curve in here.values()), default=0)
        averages = _averages(others, rungs)
        return f"worse than the median {median(averages):.4g} of {len(averages)} whole trials" if averages else ""

    def _is_behind(self, curve: Curve, others: Mapping[int, Curve]) -> bool:
        averages = _averages(others, len(curve.costs))
        return len(averages) >= self.config.startup and curve.best(len(curve.costs)) > median(averages)


def _averages(others: Mapping[int, Curve], rungs: int) -> list[float]:
    return [each.average(rungs) for each in others.values() if each.whole and len(each.costs) >= rungs]
