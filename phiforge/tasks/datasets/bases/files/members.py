"""What the members of every archive must have in common: a name that no other member has."""

from collections import Counter
from collections.abc import Sequence


def doubled(names: Sequence[str]) -> list[str]:
    """Return a problem for each name that several members have."""
    times = Counter(names)
    return [f"it holds {name!r} {count} times: allowed is once" for name, count in times.items() if count > 1]
