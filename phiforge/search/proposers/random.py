"""Random search (Bergstra and Bengio 2012): every trial is drawn anew."""

from collections.abc import Sequence
from typing import Literal

from phiforge.registry import PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers.bases.proposer import Proposer
from phiforge.spec.studies.space import Point


class RandomConfig(PartConfig):
    """Nothing to set."""

    name: Literal["random"] = "random"


class Random(Proposer):
    """Draws each field by itself; a trial's number names what is drawn."""

    Config = RandomConfig
    learns = False
    several = True

    def propose(self, history: Sequence[Told], numbers: range) -> list[Point]:
        """Return a random point for each of ``numbers``."""
        return [self.random_point(number) for number in numbers]
