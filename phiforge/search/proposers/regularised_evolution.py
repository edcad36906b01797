"""Regularised evolution (Real et al. 2019, algorithm 1): the best of a few has a child, and the oldest go."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point

_ATTEMPTS = 20
"""To find another value than the parent's; a number that is rounded may come out the same."""


class RegularisedEvolutionConfig(PartConfig):
    """The published search's two numbers, and how far numbers move."""

    name: Literal["regularised_evolution"] = "regularised_evolution"
    population: int = Field(default=20, ge=2, le=10_000, description="The youngest trials, which may be parents.")
    sample: int = Field(default=5, ge=1, le=10_000, description="Of these, how many a parent is the best of.")
    step: float = Field(default=0.15, gt=0, le=1, description="Of a number's range: deviation of how far it moves.")


class RegularisedEvolution(Proposer):
    """The first trials are random. Each later one is a parent with one field changed.

    A choice takes another value, as published; a number, which the published search has none of, moves a normal step.
    """

    Config = RegularisedEvolutionConfig
    config: RegularisedEvolutionConfig

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return random points until there is a population, then children; those of a generation have no children yet.

        What a trial is drawn by is its number.
        """
        population = [each for each in history[-self.config.population :] if each.cost is not None]
        if len(history) < self.config.population or not population:
            return [self.random_point(number) for number in numbers]
        return [self._child(number, self._parent(number, population).point) for number in numbers]

    def _parent(self, number: int, population: Sequence[Told]) -> Told:
        drawn = (self.drawn(number, "pick", index) for index in range(self.config.sample))
        return min((population[int(each * len(population))] for each in drawn), key=lambda each: each.key)

    def _child(self, number: int, parent: Point) -> Point:
        fields = [field for field in self.space if field in parent and self.space[field].size > 1]
        if not fields:
            return dict(parent)
        changed = fields[int(self.drawn(number, "field") * len(fields))]
        value = self._other_value(number, self.space[changed], parent[changed])

        def value_of(field: str) -> Any:  # noqa: ANN401 - any value of a spec
            if field == changed:
                return value
            return parent[field] if field in parent else self.space[field].value_at(self.drawn(number, field))

        return self.space.filled(value_of)

    def _other_value(self, number: int, dimension: Dimension, value: Any) -> Any:  # noqa: ANN401 - any value of a spec
        found = value
        for attempt in range(_ATTEMPTS):
            found = self._moved(dimension, value, self.drawn(number, "value", attempt))
            if found != value:
                break
        return found

    def _moved(self, dimension: Dimension, value: Any, drawn: float) -> Any:  # noqa: ANN401 - any value of a spec
        if dimension.is_choice:
            return dimension.value_at(drawn)
        step = NormalDist(0.0, self.config.step).inv_cdf(min(max(drawn, 1e-9), 1 - 1e-9))
        unit = abs(dimension.unit_of(value) + step) % 2
        return dimension.value_at(min(unit if unit < 1 else 2 - unit, 1 - 1e-9))
