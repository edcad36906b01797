"""A scheduler that lets two go on: halfway, the best two of a generation."""

from collections.abc import Mapping
from typing import Literal

from phiforge.registry import PartConfig
from phiforge.search.schedulers.bases.scheduler import Scheduler


class BestTwoConfig(PartConfig):
    """Nothing to set."""

    name: Literal["best_two"] = "best_two"


class BestTwo(Scheduler):
    """Two rungs: half of the way, and its end."""

    Config = BestTwoConfig
    stops = True

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return the middle and the end, rounded up to twice that."""
        half = -(-versions // 2)
        return (half, 2 * half) if versions > 1 else (versions,)

    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return the two that cost least."""
        return sorted(sorted(costs, key=lambda number: (costs[number], number))[:2])
