"""The page about the table and the searches on it."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from benchmarks.architectures.figures import Curves, against, quartiles
from benchmarks.architectures.searches import Plan
from benchmarks.architectures.table import EDGES, Operations, Table
from benchmarks.page import table as lines_of
from phiforge.spec.cells.edges import OPERATIONS

FLOOR = "random"
MOMENTS = (10, 25, 50)
"""Evaluations after which searches are compared."""
SHOWN = 5

INTRODUCTION = """# Searching for an architecture

All {cells} cells of three edges were trained with {seeds} seeds each, as one study through the queue
(`python -m benchmarks.architectures enumerate`), and are kept as a table. So a search is judged against the true best
cell, as NAS-Bench-201 does (Dong and Yang 2020). `python -m benchmarks.architectures regret` writes this page.
"""
SPREADS = """Test accuracy of one cell differs between seeds by a deviation of {within:.2f} points; the means of cells
differ by {between:.2f}."""
SEARCHED = """## Regret

Each proposer of studies is asked and told as by a study, with its defaults, {generation} at a time, {repetitions} times
over. Regret is how far the cell that looked best so far is below the best of all, in points of mean test accuracy: what
no search sees. So it does not fall to zero by itself, as an evaluation may flatter. Medians and quartiles over
repetitions; ahead: the share of pairs of repetitions in which the search has less regret than `{floor}`, ties by half,
with p of Mann and Whitney's test, not corrected for the number of tests.
"""


class Searched(NamedTuple):
    """How searches did: what an evaluation was, their curves, and the name of a picture of them if there is one."""

    plan: Plan
    curves: Curves
    picture: str = ""

    @property
    def evaluation(self) -> str:
        """What an evaluation was, in words."""
        if self.plan.seeds == 1:
            return "the validation accuracy of a cell with one of its seeds"
        return f"the mean validation accuracy of a cell over {self.plan.seeds} seeds"


def written(table: Table, found: Sequence[Searched]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION.format(cells=len(table.cells), seeds=len(table.seeds))
    within, between = table.spreads()
    yield SPREADS.format(within=100 * within, between=100 * between)
    yield ""
    yield from _cells(table)
    yield ""
    yield from _operations(table)
    yield ""
    plan = found[0].plan
    yield SEARCHED.format(generation=plan.generation, repetitions=plan.repetitions, floor=FLOOR)
    for each in found:
        yield f"### An evaluation is {each.evaluation}\n"
        if each.picture:
            yield f"![regret against evaluations]({each.picture})\n"
        yield from _regrets(each.curves)
        yield ""


def _cells(table: Table) -> Iterator[str]:
    """Yield the best cells and the worst."""
    ranked = sorted(table.cells, key=table.regret)
    columns = ("rank", *EDGES, "test accuracy, mean", "parameters", "FLOPs an image", "seconds of jobs, mean")
    shown = [*range(SHOWN), *range(len(ranked) - SHOWN, len(ranked))] if len(ranked) > 2 * SHOWN else range(len(ranked))
    yield from lines_of(columns, (_cell(table, rank, ranked[rank]) for rank in shown))


def _cell(table: Table, rank: int, cell: Operations) -> tuple[str, ...]:
    rows = [table.rows[cell, seed] for seed in table.seeds]
    seconds = fmean(row.seconds for row in rows)
    costs = f"{rows[0].parameters:,}", f"{rows[0].flops:,}", f"{seconds:.1f}"
    return (str(rank + 1), *cell, f"{100 * table.truth(cell):.1f} %", *costs)


def _operations(table: Table) -> Iterator[str]:
    """Yield the mean accuracy of all cells that have an operation on an edge."""
    yield from lines_of(
        ("mean test accuracy with", *OPERATIONS),
        ((f"on {edge}", *(_with(table, place, each) for each in OPERATIONS)) for place, edge in enumerate(EDGES)),
    )


def _with(table: Table, place: int, operation: str) -> str:
    found = [table.truth(cell) for cell in table.cells if cell[place] == operation]
    return f"{100 * sum(found) / len(found):.1f} %" if found else ""


def _regrets(curves: Curves) -> Iterator[str]:
    evaluations = min(regrets.shape[1] for regrets in curves.values())
    moments = [each for each in MOMENTS if each <= evaluations] or [evaluations]
    columns = ["search", *(f"after {each}" for each in moments), f"against {FLOOR}, after each"]
    yield from lines_of(columns, ((name, *_of_search(curves, name, moments)) for name in curves))


def _of_search(curves: Curves, name: str, moments: list[int]) -> Iterator[str]:
    found = 100 * quartiles(curves[name])
    for each in moments:
        low, middle, high = found[:, each - 1]
        yield f"{middle:.2f} ({low:.2f} to {high:.2f})"
    if name == FLOOR or FLOOR not in curves:
        yield ""
        return
    pairs = [against(curves[name][:, each - 1].tolist(), curves[FLOOR][:, each - 1].tolist()) for each in moments]
    yield ", ".join(f"{pair.ahead:.2f} {pair.verdict} (p {pair.p:.2g})" for pair in pairs)
