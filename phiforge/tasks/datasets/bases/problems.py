"""Many problems in one error of bounded length: counts are whole, names are the first few."""

from collections.abc import Sequence
from pathlib import Path

from phiforge.base.errors import DataError

MOST_NAMED = 10
"""Of one kind of problem."""
_MOST_LETTERS = 300
"""Of one name and its reason."""


def listed(items: Sequence[str], between: str = ", ") -> str:
    """Return the first few of ``items``, each cut to a bounded length, and how many more there are."""
    named = [each if len(each) <= _MOST_LETTERS else f"{each[:_MOST_LETTERS]}..." for each in items[:MOST_NAMED]]
    more = len(items) - len(named)
    return between.join(named) + (f" and {more} more" if more else "")


def quoted(names: Sequence[str]) -> str:
    """Return the first few of ``names`` in quotes, what garbles a terminal escaped, and how many more there are."""
    return listed([repr(name) for name in names])


def counted(number: int, one: str, many: str) -> str:
    """Return a number and its noun: ``1 picture is``, ``2 pictures are``."""
    return f"{number} {one if number == 1 else many}"


def refusal(place: Path, problems: Sequence[str]) -> DataError:
    """Return the error that tells all problems of ``place`` at once."""
    if len(problems) == 1:
        return DataError(f"{place} cannot be a dataset: {problems[0]}")
    lines = "".join(f"\n  - {each}" for each in problems)
    return DataError(f"{place} cannot be a dataset; it has {len(problems)} problems:{lines}")
