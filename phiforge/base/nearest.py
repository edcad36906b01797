"""What somebody probably meant who wrote a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(given: object, allowed: Iterable[str]) -> str:
    """Return the question that names the nearest of ``allowed``, to be put at a sentence's end; '' if none is near."""
    names = {name.lower(): name for name in allowed}
    near = get_close_matches(given.lower()[:100], names, n=1) if isinstance(given, str) else []
    return f"; did you mean {names[near[0]]!r}?" if near else ""
