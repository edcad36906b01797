"""Whether vectors can be learned from fairly: all that is wrong at once, and what each split would carry."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.bases.problems import counted, listed, quoted
from phiforge.tasks.datasets.bases.vectors.table import Table

FEWEST = 2
"""Vectors of a class: one to learn from, one to be asked about."""


class Shares(NamedTuple):
    """How classes are split where a file does not say: shares for validation and for testing, and a seed."""

    validation: float
    test: float
    seed: int


def classes_of(table: Table) -> dict[str, list[int]]:
    """Return the rows of each class, classes in order of name, rows in order of the file."""
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(table.labels):
        rows.setdefault(label, []).append(row)
    return dict(sorted(rows.items()))


def problems_of(table: Table, classes: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Yield what makes vectors unusable: numbers that are none, classes too small, splits that share a class."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is no number to a network
        finite = np.isfinite(table.features.astype(np.float32)).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        many = counted(len(rows), "vector is", "vectors are")
        yield f"{many} not finite, in row {listed([str(row) for row in rows])} (from 0): encode them again or leave out"
    if small := [name for name, rows in classes.items() if len(rows) < FEWEST]:
        many = counted(len(small), "class has a single vector", "classes have a single vector each")
        yield f"{many}; allowed are {FEWEST} or more: {quoted(small)}"
    yield from _doubled(table)
    yield from _split_problems(table, classes)


def _doubled(table: Table) -> Iterator[str]:
    """Yield that the same vector is of two classes, so that no answer about it would be right."""
    first: dict[bytes, int] = {}
    found = []
    for row, vector in enumerate(np.ascontiguousarray(table.features)):
        other = first.setdefault(vector.tobytes(), row)
        if table.labels[other] != table.labels[row]:
            found.append(f"rows {other} and {row}, of {table.labels[other]!r} and {table.labels[row]!r}")
    if found:
        yield f"the same vector is of two classes: {listed(found, '; ')}"


def _split_problems(table: Table, classes: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for what, of_rows in (("splits", table.split), ("groups", table.group)):
        shared = [name for name, rows in classes.items() if of_rows and len({of_rows[row] for row in rows}) > 1]
        if shared:
            yield f"{counted(len(shared), 'class is', 'classes are')} in several {what}: {quoted(shared)}"
    if unknown := sorted(set(table.split) - set(SPLITS)):
        yield f"'split' names {quoted(unknown)}; allowed are {', '.join(SPLITS)}"
    elif table.split and (missing := [split for split in SPLITS if split not in table.split]):
        yield f"'split' gives {' and '.join(missing)} no class; each of {', '.join(SPLITS)} needs some"


def split_of(table: Table, classes: Mapping[str, Sequence[int]], shares: Shares) -> splits.Characters:
    """Return the numbers of the classes of each split: as the file says, or whole groups, or by the seed.

    Raises DataError if there are too few classes or groups for three splits.
    """
    firsts = [rows[0] for rows in classes.values()]
    if table.split:
        return {split: [at for at, row in enumerate(firsts) if table.split[row] == split] for split in SPLITS}
    if table.group:
        groups = [table.group[row] for row in firsts]
        return splits.shares_of_groups(groups, shares.validation, shares.test, shares.seed)
    return splits.shares(len(firsts), shares.validation, shares.test, shares.seed)


def sizes_of(split: splits.Characters, classes: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """Return how many vectors the classes of each split have."""
    counts = [len(rows) for rows in classes.values()]
    return {name: [counts[number] for number in split[name]] for name in SPLITS}


def repeated(table: Table) -> int:
    """Return how many vectors are there before already, in their own class or another."""
    counts = Counter(vector.tobytes() for vector in np.ascontiguousarray(table.features))
    return sum(count - 1 for count in counts.values())
