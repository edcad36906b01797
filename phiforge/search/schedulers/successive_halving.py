"""Successive halving (Jamieson and Talwalkar 2016): at each rung the best of a generation go on, the others stop."""

from typing import Literal

from phiforge.search.schedulers.bases.halving import Halving, HalvingConfig


class SuccessiveHalvingConfig(HalvingConfig):
    """How steep it is."""

    name: Literal["successive_halving"] = "successive_halving"


class SuccessiveHalving(Halving):
    """Every generation begins at the first rung."""

    Config = SuccessiveHalvingConfig

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return all rungs."""
        return self.all_rungs(versions)
