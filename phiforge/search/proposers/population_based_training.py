"""Population-based training (Jaderberg et al. 2017): the worst of a population go on from the best, a little changed.

A generation of the study is the population. Each trial of it goes on from a trial of the generation before, with its
φ and its optimiser: so what is found is a sequence of settings, not one.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point

FEWEST = 2
"""Trials of a population, of which one can be better."""


class PopulationBasedTrainingConfig(PartConfig):
    """The published choices: truncation, and perturbation or resampling."""

    name: Literal["population_based_training"] = "population_based_training"
    truncation: float = Field(
        default=0.2, gt=0, le=0.5, description="Of the population: the worst that go on from as many of the best."
    )
    factor: float = Field(
        default=1.2, gt=1, lt=2, description="A number of whoever copies is multiplied by it, or by 2 minus it."
    )
    resample: float = Field(
        default=0.25, ge=0, le=1, description="Probability that a field is drawn anew instead; choices change only so."
    )


class PopulationBasedTraining(Proposer):
    """Exploits by truncation: whoever is among the worst copies one of the best, drawn at random. Then it explores.

    All others go on from themselves, with the settings that they have.
    """

    Config = PopulationBasedTrainingConfig
    config: PopulationBasedTrainingConfig
    continues = True
    one_by_one = False

    @classmethod
    def refuses(cls, config: Any, space: Any, generation: int) -> Iterator[str]:  # noqa: ANN401 - its own; a Space
        """Refuse a population of one."""
        if generation < FEWEST:
            yield (
                f"'population_based_training' takes populations of {FEWEST} trials or more, and generation is "
                f"{generation}"
            )

    def parents(self, history: Sequence[Told], numbers: range) -> list[int | None]:
        """Return the trial that each goes on from: of those before it the one in its place, or one of the best."""
        found = [self._parent(history, number, place) for place, number in enumerate(numbers)]
        return [told.number if told else None for told, _ in found]

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return the settings of a generation; random ones for whoever goes on from nobody."""
        return [self._point(history, number, place) for place, number in enumerate(numbers)]

    def _point(self, history: Sequence[Told], number: int, place: int) -> Point:
        parent, copies = self._parent(history, number, place)
        if parent is None:
            return self.random_point(number)
        return self._explored(number, parent.point) if copies else dict(parent.point)

    def _parent(self, history: Sequence[Told], number: int, place: int) -> tuple[Told | None, bool]:
        """Return whom a trial goes on from, and whether that is another than itself."""
        before = _last_generation(history)
        ranked = sorted(before, key=lambda told: told.key)
        few = max(1, int(self.config.truncation * len(ranked)))
        best = [told for told in ranked[:few] if told.cost is not None]
        if not best:
            return None, False
        own = before[place] if place < len(before) else None
        if own is None or own.cost is None or own in ranked[max(few, len(ranked) - few) :]:
            return best[int(self.drawn(number, "exploit") * len(best))], True
        return own, False

    def _explored(self, number: int, point: Point) -> Point:
        def value_of(field: str) -> Any:  # noqa: ANN401 - any value of a spec
            if field not in point or self.drawn(number, "resample", field) < self.config.resample:
                return self.space[field].value_at(self.drawn(number, field))
            return self._perturbed(self.space[field], point[field], self.drawn(number, "perturb", field) < 0.5)

        return self.space.filled(value_of)

    def _perturbed(self, dimension: Dimension, value: Any, up: bool) -> Any:  # noqa: ANN401 - any value of a spec
        if dimension.is_choice:
            return value
        low, high = dimension.bounds
        moved = value * (self.config.factor if up else 2 - self.config.factor)
        if not dimension.is_whole:
            return dimension.rounded(moved)
        step = 1 if up else -1  # at least: a fifth of a small number rounds to nothing
        return int(min(max(max(round(moved), value + step) if up else min(round(moved), value + step), low), high))


def _last_generation(history: Sequence[Told]) -> list[Told]:
    return [told for told in history if told.generation == history[-1].generation]
