"""A fair share between the values of a label: whoever was served least so far is next.

What is counted are tasks, when a run is admitted. The account lies in object storage. A value that comes anew begins
where the one served least is, so that it neither starves the others nor waits for them.
"""

from collections.abc import Mapping, Sequence

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Waiting

_KEY = "queue-settings/served.json"
_MOST_VALUES = 1000
"""That are remembered; those served least are forgotten first, as they would begin there anyway."""

Served = Mapping[str, int]
"""Tasks that were admitted, by value of the label."""


def value_of(entry: Entry, share: str) -> str:
    """Return which value of the label ``share`` an entry has; empty: it lacks the label."""
    return dict(entry.labels).get(share, "")


def next_fairly(ready: Sequence[Waiting], share: str, served: Served) -> Waiting:
    """Return which of ``ready``, in order of their turns and not empty, is next: of those of the highest priority."""
    first = [waiting for waiting in ready if waiting.entry.priority == ready[0].entry.priority]
    accounts = _accounts({value_of(waiting.entry, share) for waiting in first}, served)
    return min(first, key=lambda waiting: accounts[value_of(waiting.entry, share)])  # of equals the first in line


def charged(served: Served, ready: Sequence[Waiting], entry: Entry, share: str) -> dict[str, int]:
    """Return what was served once ``entry``, of those ``ready``, is admitted."""
    value = value_of(entry, share)
    accounts = _accounts({value, *(value_of(waiting.entry, share) for waiting in ready)}, served)
    after = dict(served) | {value: accounts[value] + entry.size}
    kept = sorted(after, key=lambda each: after[each])[-_MOST_VALUES:]
    return {each: after[each] for each in kept}


def _accounts(values: set[str], served: Served) -> dict[str, int]:
    """Return the account of each of ``values``."""
    least = min((served[value] for value in values if value in served), default=0)
    return {value: max(least, served.get(value, least)) for value in values}


def read_served(store: Store, share: str) -> Served:
    """Return what was served by the label ``share``; nothing if that is lost, damaged or of another label."""
    try:
        fields = unseal(_KEY, store.get(_KEY))
        return {str(value): int(tasks) for value, tasks in fields["served"].items()} if fields["share"] == share else {}
    except (MissingObjectError, FormatError, AttributeError, KeyError, TypeError, ValueError):
        return {}


def write_served(store: Store, share: str, served: Served) -> None:
    """Keep what was served by the label ``share``."""
    store.put(_KEY, seal(_KEY, {"share": share, "served": dict(served)}))
