"""A search that looks at the edges of a space: every number at its lowest or its highest."""

from collections.abc import Sequence
from typing import Literal

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.space import Point

LAST = 1 - 1e-9


class EdgesConfig(PartConfig):
    """Nothing to set."""

    name: Literal["edges"] = "edges"


class Edges(Proposer):
    """Draws an end of each field's range; of a choice that is its first or its last value."""

    Config = EdgesConfig
    learns = False

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return a corner of the space for each of ``numbers``."""
        return [self._corner(number) for number in numbers]

    def _corner(self, number: int) -> Point:
        return self.space.point(lambda field: LAST * round(self.drawn(number, field)))
