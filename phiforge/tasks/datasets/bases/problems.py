"""Many problems in one error of bounded length: counts are whole, names are the first few."""

from collections.abc import Sequence
from pathlib import Path

from phiforge.base.errors import DataError

MOST_NAMED = 10
"""Of one kind of problem."""
_MOST_LINES = 50
_MOST_LETTERS = 8000
"""Of all that is said of one kind."""


def listed(items: Sequence[str], between: str = ", ") -> str:
    """Return the first few of ``items``, and how many more there are."""
    more = len(items) - MOST_NAMED
    return between.join(items[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def brief(text: str, most: int = 200) -> str:
    """Return the beginning of a text that may be of any length."""
    return text if len(text) <= most else f"{text[:most]}..."


def quoted(names: Sequence[str]) -> str:
    """Return the first few of ``names`` in quotes, what garbles a terminal escaped, and how many more there are."""
    return listed([brief(repr(name)) for name in names])


def counted(number: int, one: str, many: str) -> str:
    """Return a number and its noun: ``1 picture is``, ``2 pictures are``."""
    return f"{number} {one if number == 1 else many}"


def refusal(place: Path, problems: Sequence[str]) -> DataError:
    """Return the error that tells all problems of ``place`` at once."""
    if len(problems) == 1:
        return DataError(f"{place} cannot be a dataset: {brief(problems[0], _MOST_LETTERS)}")
    lines = "".join(f"\n  - {brief(each, _MOST_LETTERS)}" for each in problems[:_MOST_LINES])
    lines += f"\n  - and {len(problems) - _MOST_LINES} more" if len(problems) > _MOST_LINES else ""
    return DataError(f"{place} cannot be a dataset; it has {len(problems)} problems:{lines}")
