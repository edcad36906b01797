"""The page about searches that train a mixture of all cells."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.architectures.relaxed_agreement import agreement
from benchmarks.architectures.table import EDGES, Operations, Table
from benchmarks.page import table as lines_of

Found = Sequence[Mapping[str, Any]]
"""What each search found with each seed, as kept in ``relaxed.json``."""

COLLAPSED = ("none", "skip")
"""Operations that learn nothing: a cell of these alone is what DARTS is known to collapse to."""

INTRODUCTION = """# Searching with a mixture of all cells

Written by `python -m benchmarks.architectures.relaxed`: real runs through the queue, on the data of
`specs/studies/cells.yaml` (real Omniglot, half split) and its skeleton with all five operations on each of three edges.
One level: prototypical networks on the study's own 20-way tasks, logits and weights by the query loss alike; 100 tasks,
averages of training normalise (`norm: running`). T-NAS and DARTS learn from 5-way 1-shot tasks, 400 of them, each set
normalised by itself (`norm: batch`). So accuracies of one level are not to be compared with theirs. T-NAS: a task
adapts both, φ descends the query loss. DARTS: logits by the query loss, weights by the support loss, three inner steps.

ENAS and random search with shared weights (estimator `enas`, `policy: learned` and `uniform`): prototypical networks on
the study's 20-way tasks as one level, but 400 of them, four a job, each set normalised by itself; a task trains the one
cell that is drawn for it. At the end 50 cells are drawn, and the best by the shared weights on the run's 100 validation
tasks is what was found.

The cell that was found has on each edge the operation of the largest logit, but where it was drawn; beside it stands
its softmax weight: at the last temperature, 0.2, and of learners other than T-NAS' and DARTS' at 1. Version: of the φ
that was best by validation, of the first and the last; where it is 0, no training was better, and the cell is that of
the start. Mixture: accuracy on test tasks with all operations. Discrete: the same with each edge's likeliest operation
alone after adaptation, or with the drawn cell alone, without training again. A search has collapsed if no edge of its
cell has a convolution or a mean: only skips and nothing. Regret: how far the cell is below the best of all 125, each
trained as a prototypical network, in points of test accuracy ([table](architectures.md)).
"""
NOTE = """
Seconds are medians over seeds: seed 0 of all but the two searches by draws ran beside other work, which made it some
nine times as slow as the others. What it takes to judge the cells that were drawn is not among them."""


def written(found: Found, names: Sequence[str], table: Table | None) -> Iterator[str]:
    """Yield the lines of the page; without a table of all cells, without regrets."""
    yield INTRODUCTION
    yield from lines_of(
        (
            "search",
            "cells that collapsed",
            "skips of all edges",
            "mixture",
            "discrete",
            "seconds of jobs, median",
            "regret",
        ),
        (_summary(name, [each for each in found if each["search"] == name], table) for name in names),
    )
    yield ""
    if table is not None:
        yield f"A cell drawn at random has a regret of {_expected(table):.2f} in the mean.\n"
    columns = ("search", "seed", "version", *EDGES, "mixture", "discrete", "regret")
    yield from lines_of(columns, (_row(each, table) for each in found))
    yield NOTE
    if table is not None:
        yield from agreement(found, names, table)


def collapsed(cell: Sequence[str]) -> bool:
    """Say whether a cell has nothing that learns, nor a mean."""
    return all(each in COLLAPSED for each in cell)


def _summary(name: str, rows: Found, table: Table | None) -> tuple[str, ...]:
    skips = sum(each["cell"].count("skip") for each in rows)
    edges = sum(len(each["cell"]) for each in rows)
    fell = sum(collapsed(each["cell"]) for each in rows)
    seconds = statistics.median(each["seconds"] for each in rows) if rows else 0.0
    means = (_mean([each[kind] for each in rows]) for kind in ("mixture", "discrete"))
    regrets = [_regret(each, table) for each in rows]
    return (name, f"{fell} of {len(rows)}", f"{skips} of {edges}", *means, f"{seconds:.0f}", _points(regrets))


def _row(row: Mapping[str, Any], table: Table | None) -> tuple[str, ...]:
    edges = [f"{each} {weight:.2f}" for each, weight in zip(row["cell"], row["weights"], strict=True)]
    accuracies = (_percent(row[kind]) for kind in ("mixture", "discrete"))
    return (row["search"], str(row["seed"]), f"{row['version']:,}", *edges, *accuracies, _points([_regret(row, table)]))


def _regret(row: Mapping[str, Any], table: Table | None) -> float | None:
    cell: Operations = tuple(row["cell"])
    return None if table is None else 100 * table.regret(cell)


def _expected(table: Table) -> float:
    return 100 * statistics.fmean(table.regret(cell) for cell in table.cells)


def _points(regrets: Sequence[float | None]) -> str:
    known = [each for each in regrets if each is not None]
    return f"{statistics.fmean(known):.2f}" if known else ""


def _mean(values: Sequence[float | None]) -> str:
    known = [each for each in values if each is not None]
    return _percent(statistics.fmean(known)) if known else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
