"""Hyperband (Li et al. 2018): successive halving from a first rung that differs between generations.

Nobody knows how early a score tells who will be best; so some generations are halved early, others late, or not at all.
"""

from typing import Literal

from phiforge.search.schedulers.bases.halving import Halving, HalvingConfig


class HyperbandConfig(HalvingConfig):
    """How steep it is; its brackets are as many as its rungs."""

    name: Literal["hyperband"] = "hyperband"


class Hyperband(Halving):
    """Generation g begins at rung g mod the number of rungs. Every bracket has as many trials, unlike as published."""

    Config = HyperbandConfig

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return the rungs from the first of the generation's bracket on."""
        every = self.all_rungs(versions)
        return every[generation % len(every) :]
