"""Grid search: every combination of a few values of each field, once."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal

from pydantic import Field

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.space import Point, Space


class GridConfig(PartConfig):
    """How fine the grid is."""

    name: Literal["grid"] = "grid"
    points: int = Field(default=3, ge=1, le=1000, description="Values of each number, from its lowest to its highest.")


class Grid(Proposer):
    """Goes through the grid in order: the space's last field, in order of name, changes first."""

    Config = GridConfig
    config: GridConfig
    learns = False
    several = True
    ends = True

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return the next points of the grid; fewer at its end."""
        return list(islice(combinations(self.space, self.config.points), numbers.start, numbers.stop))


def combinations(space: Space, points: int) -> Iterator[Point]:
    """Yield each combination of so many values a field; a field that is not set somewhere has no values there."""
    yield from _extended(space, list(space), {}, points)


def _extended(space: Space, fields: list[str], point: dict[str, Any], points: int) -> Iterator[Point]:
    if not fields:
        yield dict(point)
        return
    field, *others = fields
    if not space.is_set(field, point):
        yield from _extended(space, others, point, points)
        return
    for value in space[field].points(points):
        yield from _extended(space, others, point | {field: value}, points)
