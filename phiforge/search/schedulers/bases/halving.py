"""What schedulers have in common that let a share of a generation go on from rung to rung."""

from collections.abc import Mapping

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.schedulers.bases.scheduler import Scheduler


class HalvingConfig(PartConfig):
    """How steep it is."""

    factor: int = Field(default=3, ge=2, le=100, description="One in so many goes on, for so many times as long.")
    rungs: int = Field(default=3, ge=2, le=10, description="Times that trials are compared, their end included.")


class Halving(Scheduler):
    """Of n trials ⌈n / factor⌉ go on from each rung, which is factor times as far as the one before."""

    config: HalvingConfig
    stops = True

    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return the best; of equals those that were proposed first."""
        best = sorted(costs, key=lambda number: (costs[number], number))
        return sorted(best[: -(-len(costs) // self.config.factor)])

    def all_rungs(self, versions: int) -> tuple[int, ...]:
        """Return as many rungs as are set, fewer if a trial is too short for them; the end is rounded up."""
        factor, count = self.config.factor, self.config.rungs
        while count > 1 and versions < factor ** (count - 1):
            count -= 1
        first = -(-versions // factor ** (count - 1))
        return tuple(first * factor**rung for rung in range(count))
