"""What a way to an answer is, and what all studies share."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.hyperparameters.question import Question
from phiforge.spec.studies.space import Point

TRIAL = 8
"""Tasks of a whole trial; where rungs are multiples of each other, a little more."""
GENERATION = 6


class Standing(NamedTuple):
    """How far a way is: tasks trained so far, all tries and trials together, and its answer."""

    tasks: int
    point: Point


Way = Callable[[Question], Iterator[Standing]]
