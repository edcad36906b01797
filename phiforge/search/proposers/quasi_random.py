"""Quasi-random search: points of a scrambled Halton sequence (Owen 2017), which leave fewer gaps than random ones."""

from collections.abc import Sequence
from typing import Literal

from phiforge.base.seeds import seed_of
from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.space import Point


class QuasiRandomConfig(PartConfig):
    """Nothing to set."""

    name: Literal["quasi_random"] = "quasi_random"


class QuasiRandom(Proposer):
    """Goes through the sequence in order of number, a dimension for each field."""

    Config = QuasiRandomConfig
    learns = False
    several = True
    needs = ("scipy",)

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return the points of the sequence at ``numbers``."""
        from scipy.stats.qmc import Halton

        sequence = Halton(len(self.space), rng=seed_of(self.seed, self.name))
        sequence.fast_forward(numbers.start)
        rows = sequence.random(len(numbers))
        fields = {field: index for index, field in enumerate(self.space)}
        return [self.space.point(lambda field, row=row: float(row[fields[field]])) for row in rows]  # type: ignore[misc]
