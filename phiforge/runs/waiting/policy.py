"""How the queue of a fleet is served: what a person set, the same for every machine, in object storage."""

from typing import NamedTuple

from phiforge.base.errors import FormatError, MissingObjectError, QueueError
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store

_KEY = "queue-settings/policy.json"
MOST_AT_ONCE = 10_000


class Policy(NamedTuple):
    """What a person set.

    ``at_once``: how many runs are active at once; None: as many as keep every trainer busy. ``share``: the name of the
    label between whose values the fleet is shared fairly; empty: first come, first served.
    """

    at_once: int | None = None
    share: str = ""


def read_policy(store: Store) -> Policy:
    """Return what was set; what nobody set, or what is damaged, is as if nobody had."""
    try:
        fields = unseal(_KEY, store.get(_KEY))
        at_once = fields.get("at_once")
        return Policy(None if at_once is None else int(at_once), str(fields.get("share", "")))
    except (MissingObjectError, FormatError, TypeError, ValueError):
        return Policy()


def write_policy(store: Store, policy: Policy) -> None:
    """Set how the queue is served; raises QueueError unless at least one run may be active."""
    if policy.at_once is not None and not 1 <= policy.at_once <= MOST_AT_ONCE:
        raise QueueError(f"{policy.at_once} runs at once; allowed: 1 to {MOST_AT_ONCE}, or auto")
    store.put(_KEY, seal(_KEY, policy._asdict()))
