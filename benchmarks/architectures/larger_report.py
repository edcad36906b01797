"""The page about the larger space: what an hour finds, beside chance and Conv-4."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from benchmarks.page import table
from phiforge.spec.cells.words import equations

FOUND, CHANCE, CONV4 = "cells that were found", "cells at random", "Conv-4, equal parameters"
SLOWER = "Conv-4, equal parameters, equal time"
NAMES = (FOUND, CHANCE, CONV4, SLOWER)
HEAD = """# A larger space of cells

Written by `python -m benchmarks.architectures.larger`. Cells of four nodes, one kind between and one kind where the
image is halved: 5 to the power of 12 pairs, of which nobody knows the best. `specs/studies/cells-larger.yaml` searched
for {minutes:g} minutes through the queue, two trainers on two cores: {trials} trials of 160 tasks each. A trial is a
prototypical network on 20-way 1-shot tasks of real Omniglot (half split, rotations as classes), judged by validation
tasks.
"""
AFTER = """
## Trained from the start

What was found is trained from φ₀ by three seeds, on images of twice the side at the first convolution; so are random
cells, others each seed, and Conv-4 with as many parameters as what was found. All learn from {tasks:,} 20-way 1-shot
tasks, but for the last row: Conv-4 again, on so many tasks that its jobs take as long. 600 test tasks of 5 ways, 200 of
20, of characters that no run has seen; mean over seeds and 95 % interval (of Student's t, so few seeds make it wide).
The machine did other work beside it. Conv-4 has the fused engine, cells have none. Published, by MAML with Conv-4:
98.7 % on 5-way 1-shot (Finn et al. 2017).
"""
_T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
"""Of Student's t at 97.5 %, by the number of seeds."""


def written(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the page, of what ``larger.json`` holds."""
    search, rows = found["search"], found["rows"]
    yield HEAD.format(minutes=search["minutes"], trials=len(search["values"]))
    yield from table(("after trials", "best validation accuracy so far, 20-way"), _so_far(search["values"]))
    yield "\nWhat it found, in trial {trial}:\n".format(**search)
    for kind in ("normal", "reduction"):
        yield f"* {kind} cell: {', '.join(equations(search['network'][kind]))}"
    yield AFTER.format(tasks=next(row["tasks"] for row in rows if row["arm"] == FOUND))
    columns = ("network", "parameters", "tasks", "5-way 1-shot", "20-way 1-shot", "seconds of jobs, median")
    yield from table(columns, (_row(name, [row for row in rows if row["arm"] == name]) for name in NAMES))


def _so_far(values: Sequence[float | None]) -> Iterator[tuple[str, str]]:
    """Yield the best value after 1, 2, 5, 10, ... trials, and after all."""
    best = list(accumulate((-1.0 if value is None else value for value in values), max))
    marks = [each * 10**power for power in range(6) for each in (1, 2, 5)]
    for mark in [*(each for each in marks if each < len(best)), len(best)]:
        yield f"{mark:,}", f"{100 * best[mark - 1]:.1f} %"


def _row(name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    parameters = sorted({row["parameters"] for row in rows})
    size = f"{parameters[0]:,}" if len(parameters) == 1 else f"{parameters[0]:,} to {parameters[-1]:,}"
    seconds = statistics.median(row["seconds"] for row in rows)
    accuracies = (_interval([row[ways] for row in rows]) for ways in ("five", "twenty"))
    return (name, size, f"{rows[0]['tasks']:,}", *accuracies, f"{seconds:.0f}")


def _interval(values: Sequence[float]) -> str:
    """Return the mean and the 95 % interval of it, in per cent."""
    mean = f"{100 * statistics.fmean(values):.2f}"
    if len(values) not in _T:
        return f"{mean} %"
    half = _T[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean} ± {100 * half:.2f} %"
