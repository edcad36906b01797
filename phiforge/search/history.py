"""What a study has found so far, as proposers and schedulers take it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from phiforge.spec.studies.space import Point


class Told(NamedTuple):
    """One trial that is over for its study, and what came of it.

    Args:
        number: of the trial, from 0 on in order of proposal
        generation: with which it was proposed, from 0 on
        point: what it tried
        cost: the objective, lower is better; None: it failed, or was refused
        share: of its whole length that it was trained for when it was judged, 1 unless it was stopped early
        costs: of each objective if there are several, the first being ``cost``; empty if it has none
    """

    number: int
    generation: int
    point: Point
    cost: float | None
    share: float = 1.0
    costs: tuple[float, ...] = ()

    @property
    def key(self) -> tuple[float, float, int]:
        """What trials sort by, the best first: who went further, then the lower cost, then who came first."""
        worst = (math.inf, math.inf)
        return (*(worst if self.cost is None else (-self.share, self.cost)), self.number)


def best(history: Sequence[Told]) -> Told | None:
    """Return the best trial that has a cost; None if none has."""
    return min((each for each in history if each.cost is not None), key=lambda each: each.key, default=None)
