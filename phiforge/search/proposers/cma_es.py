"""CMA-ES (Hansen and Ostermeier 2001), by cmaes: a normal distribution follows the best of each generation.

Every number of the space is between 0 and 1 there, those of a logarithmic scale by their logarithm.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phiforge.base.seeds import seed_of
from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.space import Point

FEWEST = 4
"""Trials of a generation of which there are better and worse halves."""


class CmaEsConfig(PartConfig):
    """Where it begins: in the middle of the space."""

    name: Literal["cma_es"] = "cma_es"
    sigma: float = Field(default=0.25, gt=0, le=1, description="Deviation at the beginning, of each field's range.")


class CmaEs(Proposer):
    """A generation of the study is one of the strategy. It is told ranks, of which alone it makes use."""

    Config = CmaEsConfig
    config: CmaEsConfig
    one_by_one = False
    needs = ("cmaes",)

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Refuse choices and conditions, a single field, and generations too small for a better half."""
        if choices := [field for field, each in space.items() if each.is_choice]:
            others = "random, tpe, regularised_evolution"
            yield f"'cma_es' takes numbers alone, not choices such as {choices[0]}; allowed with them: {others}"
        if found := space.conditional:
            yield f"'cma_es' takes no conditional fields such as {found[0]}; allowed with them: random, tpe"
        if len(space) == 1:
            yield "'cma_es' takes two fields or more, and the space has one; allowed with one: random, tpe"
        if generation < FEWEST:
            yield f"'cma_es' takes generations of {FEWEST} trials or more, and generation is {generation}"

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return a generation drawn from the distribution that those before led to."""
        generations = [list(each) for _, each in groupby(history, key=lambda told: told.generation)]
        size = len(generations[0]) if generations else len(numbers)
        strategy = self._strategy(max(size, FEWEST))
        for told in generations:
            if len(told) == strategy.population_size:
                strategy.tell([(self._units(each), rank) for rank, each in enumerate(sorted(told, key=_key))])
        strategy.reseed_rng(seed_of(self.seed, self.name, numbers.start) % 2**32)
        return [self._point(strategy.ask()) for _ in numbers]

    def _strategy(self, size: int) -> Any:  # noqa: ANN401 - of cmaes
        from cmaes import CMA

        fields = len(self.space)
        bounds = np.tile([0.0, 1.0], (fields, 1))
        return CMA(np.full(fields, 0.5), self.config.sigma, bounds=bounds, population_size=size, seed=0)

    def _units(self, told: Told) -> NDArray[np.float64]:
        return np.array([self.space[field].unit_of(told.point[field]) for field in self.space])

    def _point(self, units: NDArray[np.float64]) -> Point:
        found = dict(zip(self.space, np.clip(units, 0.0, 1.0 - 1e-12), strict=True))
        return self.space.point(lambda field: float(found[field]))


def _key(told: Told) -> tuple[float, float, int]:
    return told.key
