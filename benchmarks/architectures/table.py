"""The table of all cells: how well each did with each seed, and what it costs. Searches are judged against it."""

import csv
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from phiforge.spec.cells.edges import Operation, edges_of

EDGES = edges_of(3)
TABLE = Path(__file__).parent / "cells.csv"

Operations = tuple[Operation, ...]
"""What stands on the edges of a cell, in order of ``EDGES``."""


class Row(NamedTuple):
    """One cell with one seed: accuracy on validation and on test tasks, parameters, FLOPs an image, seconds of jobs."""

    cell: Operations
    seed: int
    validation: float
    test: float
    parameters: int
    flops: int
    seconds: float


class Table:
    """Every row by cell and seed.

    Args:
        rows: of each cell as many as there are seeds.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {(row.cell, row.seed): row for row in rows}
        self.seeds = sorted({seed for _, seed in self.rows})
        self.cells = sorted({cell for cell, _ in self.rows})

    def validation(self, cell: Operations, seed: int) -> float:
        """Return what a search sees that trains a cell with a seed."""
        return self.rows[cell, seed].validation

    def truth(self, cell: Operations) -> float:
        """Return the mean accuracy of a cell on test tasks over all seeds, which no search sees."""
        return statistics.fmean(self.rows[cell, seed].test for seed in self.seeds)

    def best(self) -> Operations:
        """Return the cell of the highest ``truth``."""
        return max(self.cells, key=self.truth)

    def regret(self, cell: Operations) -> float:
        """Return how far a cell is below the best."""
        return self.truth(self.best()) - self.truth(cell)

    def spreads(self) -> tuple[float, float]:
        """Return the deviation of test accuracy over seeds, within a cell, and that of the cells' means."""
        within = [statistics.pvariance([self.rows[cell, seed].test for seed in self.seeds]) for cell in self.cells]
        unbiased = statistics.fmean(within) * len(self.seeds) / max(len(self.seeds) - 1, 1)
        return float(unbiased**0.5), statistics.pstdev([self.truth(cell) for cell in self.cells])


def read(path: Path = TABLE) -> Table:
    """Return the table of a file."""
    with path.open(newline="", encoding="utf-8") as file:
        return Table(_row(fields) for fields in csv.DictReader(file))


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows to a file, in order of cell and seed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*EDGES, *Row._fields[1:]])
        writer.writerows([*row.cell, *row[1:]] for row in sorted(rows))


def _row(fields: dict[str, str]) -> Row:
    cell: Operations = tuple(fields[edge] for edge in EDGES)  # type: ignore[misc]
    validation, test, seconds = (float(fields[name]) for name in ("validation", "test", "seconds"))
    return Row(cell, int(fields["seed"]), validation, test, int(fields["parameters"]), int(fields["flops"]), seconds)
