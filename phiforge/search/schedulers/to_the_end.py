"""No scheduler: every trial is trained to its end."""

from collections.abc import Mapping
from typing import Literal

from phiforge.registry import PartConfig
from phiforge.search.schedulers.bases.scheduler import Scheduler


class ToTheEndConfig(PartConfig):
    """Nothing to set."""

    name: Literal["to_the_end"] = "to_the_end"


class ToTheEnd(Scheduler):
    """Stops nobody."""

    Config = ToTheEndConfig
    one_by_one = True

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return the end alone."""
        return (versions,)

    def goes_on(self, costs: Mapping[int, float]) -> list[int]:
        """Return all."""
        return sorted(costs)
