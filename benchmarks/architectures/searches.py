"""Searches that read the table instead of training: the proposers of studies, asked and told as a study does it."""

from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.architectures.table import EDGES, Operations, Table
from phiforge.base.seeds import SeedPart, numpy_generator
from phiforge.registry import PROPOSERS, PartConfig
from phiforge.search.history import Told
from phiforge.search.proposers import build_proposer
from phiforge.spec.cells.edges import OPERATIONS
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Point, Space

SPACE = Space({edge: Dimension(type="choice", values=OPERATIONS) for edge in EDGES})

SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "random": {},
    "quasi_random": {},
    "tpe": {},
    "regularised_evolution": {},
    "controller": {},
}
"""Which proposers search, each with its defaults but for what is given."""


class Plan(NamedTuple):
    """How a search is judged: so many evaluations, as many at a time, and so many repetitions of it.

    ``seeds``: how many seeds of a cell are trained for one evaluation, which is their mean.
    """

    evaluations: int = 60
    generation: int = 1
    repetitions: int = 40
    seeds: int = 1


def search_of(name: str) -> PartConfig:
    """Return the configuration of a search."""
    return PROPOSERS[name].Config.model_validate({"name": name, **SEARCHES[name]})


def regrets(table: Table, config: PartConfig, plan: Plan, repetition: int) -> list[float]:
    """Return, after each evaluation, the regret of the cell that looked best so far.

    An evaluation is the validation accuracy of the cell with ``plan.seeds`` seeds, drawn for each evaluation anew, as
    if it had been trained. What counts is the mean over all seeds on test tasks, which the search does not see.

    Args:
        table: what came of every cell.
        config: the search's configuration.
        plan: how it is judged.
        repetition: names all that is drawn.
    """
    told = list(_told(table, config, plan, repetition))
    found, best = list[float](), told[0]
    for each in told:
        best = min(best, each, key=lambda one: one.key)
        found.append(table.regret(cell_of(best.point)))
    return found


def _told(table: Table, config: PartConfig, plan: Plan, repetition: int) -> Iterator[Told]:
    """Yield every evaluation of a search, in order."""
    proposer = build_proposer(config, SPACE, repetition)
    history: list[Told] = []
    while len(history) < plan.evaluations:
        numbers = range(len(history), min(len(history) + plan.generation, plan.evaluations))
        generation = len(history) // plan.generation
        points = proposer.propose(history, numbers)
        new = [
            Told(number, generation, point, -_seen(table, cell_of(point), plan.seeds, repetition, number))
            for number, point in zip(numbers, points, strict=True)
        ]
        history += new
        yield from new


def _seen(table: Table, cell: Operations, seeds: int, *name: SeedPart) -> float:
    drawn = numpy_generator("seed", *name).permutation(table.seeds)[:seeds]
    return fmean(table.validation(cell, int(seed)) for seed in drawn)


def cell_of(point: Point) -> Operations:
    """Return the cell at a point of the space."""
    return tuple(point[edge] for edge in EDGES)
