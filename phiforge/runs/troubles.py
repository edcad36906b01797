"""What services last met at the object storage, kept in Redis for a while: why a run may stand."""

import errno
from typing import NamedTuple

from phiforge.base.errors import MissingObjectError, StoreError, UnreachableStoreError
from phiforge.runs.exchange import Exchange
from phiforge.runs.queues import QUEUES, QueueName

KEPT_SECONDS = 180
"""Longer than the longest pause between two tries of a run that stands."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_CODES = ("StorageFull", "InsufficientStorage", "QuotaExceeded", "answered 507")
_LONGEST = 200


class Trouble(NamedTuple):
    """When it was met last, in ms by Redis' clock, and what it was."""

    at: int
    what: str


class Troubles:
    """The last trouble of each kind of service of one fleet."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._redis = exchange, exchange.redis

    def note(self, queue: QueueName, error: StoreError) -> None:
        """Note what a worker of ``queue`` met; an object that is not there is none."""
        if isinstance(error, MissingObjectError):
            return
        self._redis.hset(self._key(queue), mapping={"at": self._exchange.now(), "what": words_of(error)})
        self._redis.expire(self._key(queue), KEPT_SECONDS)

    def latest(self) -> Trouble | None:
        """Return what was met last, by whichever kind."""
        found = [self._of(queue) for queue in QUEUES]
        return max((each for each in found if each), default=None)

    def _of(self, queue: QueueName) -> Trouble | None:
        at, what = self._redis.hmget(self._key(queue), "at", "what")
        return None if at is None or what is None else Trouble(int(at), what.decode(errors="replace"))

    def _key(self, queue: QueueName) -> str:
        return f"{self._exchange.namespace}:trouble:{queue}"


def words_of(error: StoreError) -> str:
    """Return in a few words what an error of the store says."""
    if _is_full(error):
        return "disk full"
    if isinstance(error, UnreachableStoreError):
        return "store unreachable"
    return f"store: {' '.join(str(error).split())[:_LONGEST]}"


def _is_full(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "errno", None) in _FULL:
            return True
        cause = cause.__cause__
    return any(code in str(error) for code in _FULL_CODES)
