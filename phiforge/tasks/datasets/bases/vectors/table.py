"""What a file of vectors holds: the vectors, their labels and, maybe, splits and groups of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from phiforge.base.errors import DataError

FEATURES, LABELS, SPLIT, GROUP = "features", "labels", "split", "group"
COLUMNS = (FEATURES, LABELS, SPLIT, GROUP)
_TABLE = 2
"""Dimensions of the array of vectors: one row a vector."""


class Table(NamedTuple):
    """Vectors [n, dimensions] of any type of number, and of each, as text, its label, its split and its group.

    ``split`` and ``group`` are empty where the file says nothing of them.
    """

    place: Path
    features: NDArray[Any]
    labels: list[str]
    split: list[str]
    group: list[str]


def table_of(place: Path, arrays: Mapping[str, NDArray[Any]]) -> Table:
    """Return what a file holds.

    Args:
        place: the file.
        arrays: its arrays by name: ``features`` [n, dimensions] and ``labels`` [n]; maybe ``split`` and ``group`` [n].

    Raises DataError if an array is missing, or is not of one row a vector.
    """
    if missing := [name for name in (FEATURES, LABELS) if name not in arrays]:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{place} has no array {' and no array '.join(map(repr, missing))}: it holds {there}; needed are "
            "'features' [n, dimensions] and 'labels' [n], allowed beside them 'split' [n] and 'group' [n]"
        )
    features = arrays[FEATURES]
    if features.ndim != _TABLE or features.dtype.kind not in "fiu" or not features.size:
        raise DataError(
            f"'features' of {place} is {features.dtype} of shape {features.shape}: expected are numbers "
            "[n, dimensions], one row a vector"
        )
    named = {name: _as_text(place, name, arrays[name], len(features)) for name in COLUMNS[1:] if name in arrays}
    return Table(place, features, named[LABELS], named.get(SPLIT, []), named.get(GROUP, []))


def _as_text(place: Path, name: str, values: NDArray[Any], count: int) -> list[str]:
    if values.shape != (count,) or values.dtype.kind not in "iuUS":
        raise DataError(
            f"{name!r} of {place} is {values.dtype} of shape {values.shape}: expected are {count} texts or whole "
            "numbers, one for each vector"
        )
    if values.dtype.kind == "S":
        return [each.decode("utf-8", "replace") for each in values.tolist()]
    return [str(each) for each in values.tolist()]
