"""Successive halving (Jamieson and Talwalkar 2016): at each rung the best of a generation go on, the others stop."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.schedulers.bases.scheduler import Scheduler


class SuccessiveHalvingConfig(PartConfig):
    """How steep it is."""

    name: Literal["successive_halving"] = "successive_halving"
    factor: int = Field(default=3, ge=2, le=100, description="One in so many goes on, for so many times as long.")
    rungs: int = Field(default=3, ge=2, le=10, description="Times that trials are compared, their end included.")


class SuccessiveHalving(Scheduler):
    """Of n trials ⌈n / factor⌉ go on from each rung, which is factor times as far as the one before."""

    Config = SuccessiveHalvingConfig
    config: SuccessiveHalvingConfig
    stops = True

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return as many rungs as are set, fewer if a trial is too short for them; the end is rounded up."""
        factor, count = self.config.factor, self.config.rungs
        while count > 1 and versions < factor ** (count - 1):
            count -= 1
        first = -(-versions // factor ** (count - 1))
        return tuple(first * factor**rung for rung in range(count))

    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return the best; of equals those that were proposed first."""
        best = sorted(costs, key=lambda number: (costs[number], number))
        return sorted(best[: -(-len(costs) // self.config.factor)])
