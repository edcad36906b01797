"""What somebody probably meant who wrote a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 100
"""Letters that are looked at."""


def nearest(given: object, allowed: Iterable[str]) -> str | None:
    """Return the nearest of ``allowed``, capital letters or not; None if none is near."""
    names = {name.lower(): name for name in allowed}
    near = get_close_matches(given.lower()[:_LONGEST], names, n=1) if isinstance(given, str) else []
    return names[near[0]] if near else None


def did_you_mean(given: object, allowed: Iterable[str]) -> str:
    """Return the question that names the nearest of ``allowed``, to be put at a sentence's end; '' if none is near."""
    near = nearest(given, allowed)
    return f"; did you mean {near!r}?" if near else ""
