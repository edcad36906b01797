"""ASHA (Li et al. 2020, algorithm 2): successive halving without waiting for each other.

A trial goes on from a rung as soon as it is among the best ⌊n / factor⌋ of the n that have come to that rung so far.
"""

from collections.abc import Mapping
from typing import Literal

from phiforge.search.schedulers.bases.curve import Curve
from phiforge.search.schedulers.bases.halving import Halving, HalvingConfig


class AshaConfig(HalvingConfig):
    """How steep it is."""

    name: Literal["asha"] = "asha"


class Asha(Halving):
    """Needs asynchronous proposals. Who goes on depends on the order in which trials come to their rungs.

    A trial that is not among the best waits at its rung: it may be, once more trials have come there.
    """

    Config = AshaConfig
    by_generation = False
    one_by_one = True
    patient = True

    def rungs(self, versions: int, generation: int) -> tuple[int, ...]:
        """Return all rungs."""
        return self.all_rungs(versions)

    def choose(self, here: Mapping[int, Curve], others: Mapping[int, Curve]) -> list[int]:
        """Return those of ``here`` that are among the best of all at the rung."""
        everybody = {**others, **here}
        rung = max((len(curve.costs) for curve in here.values()), default=1) - 1
        best = sorted(everybody, key=lambda number: (everybody[number].costs[rung], number))
        return sorted(set(best[: len(best) // self.config.factor]) & set(here))
