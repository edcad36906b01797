"""A fair share between the values of a label: whoever was served least so far is next.

What is counted are tasks, when a run is admitted (start-time fair queueing: Goyal, Vin and Cheng 1996). A value that
comes anew begins where those stand that are served now, so that it neither starves the others nor waits for them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Waiting

_KEY = "queue-settings/served.json"


class Served(NamedTuple):
    """How far each value of a label was served, in tasks.

    ``now``: where the value stood that was served last, before it was. ``ahead``: where those stand that are beyond it.
    """

    now: int = 0
    ahead: Mapping[str, int] = {}

    def account(self, value: str) -> int:
        """Return where ``value`` stands."""
        return max(self.now, self.ahead.get(value, self.now))

    def charged(self, value: str, tasks: int) -> "Served":
        """Return the same once ``value`` was served so many tasks more."""
        now = self.account(value)
        ahead = {**self.ahead, value: now + tasks}
        return Served(now, {name: account for name, account in ahead.items() if account > now})


def value_of(entry: Entry, share: str) -> str:
    """Return which value of the label ``share`` an entry has; empty: it lacks the label."""
    return dict(entry.labels).get(share, "")


def next_fairly(ready: Sequence[Waiting], share: str, served: Served) -> Waiting:
    """Return which of ``ready``, in order of their turns and not empty, is next: of those of the highest priority."""
    first = [waiting for waiting in ready if waiting.entry.priority == ready[0].entry.priority]
    return min(first, key=lambda waiting: served.account(value_of(waiting.entry, share)))  # of equals the first in line


def read_served(store: Store, share: str) -> Served:
    """Return how far the values of ``share`` were served; not at all if that is lost, damaged or of another label."""
    try:
        fields = unseal(_KEY, store.get(_KEY))
        ahead = {str(value): int(tasks) for value, tasks in fields["ahead"].items()}
        return Served(int(fields["now"]), ahead) if fields["share"] == share else Served()
    except (MissingObjectError, FormatError, AttributeError, KeyError, TypeError, ValueError):
        return Served()


def write_served(store: Store, share: str, served: Served) -> None:
    """Keep how far the values of ``share`` were served."""
    store.put(_KEY, seal(_KEY, {"share": share, "now": served.now, "ahead": dict(served.ahead)}))
