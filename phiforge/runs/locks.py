"""Locks that free themselves, and what a fleet is to remember for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from phiforge.runs.exchange import Exchange


class Locks:
    """One fleet's; safe to share between threads."""

    def __init__(self, exchange: Exchange) -> None:
        self._redis, self._namespace = exchange.redis, exchange.namespace
        self._lock, self._unlock = exchange.script("lock"), exchange.script("unlock")

    @contextmanager
    def hold(self, name: str, seconds: float, stays: bool = False) -> Iterator[bool]:
        """Hold the lock ``name`` in this block, at most so long; False if somebody else holds it.

        If it ``stays``, nobody gets it before that time is over, but when the block raised.
        """
        keys, owner = {"lock": self._key(name)}, uuid4().hex
        mine = bool(self._lock(keys, {"owner": owner, "longest": int(1000 * seconds)}))
        freed = mine
        try:
            yield mine
            freed = mine and not stays
        finally:
            if freed:
                self._unlock(keys, {"owner": owner})

    def remember(self, name: str, seconds: float) -> None:
        """Let ``remembers`` say so of ``name`` for so long."""
        self._redis.set(self._key(name), 1, px=int(1000 * seconds))

    def remembers(self, name: str) -> bool:
        """Say whether ``remember`` was called for ``name``, and its time is not over."""
        return bool(self._redis.exists(self._key(name)))

    def _key(self, name: str) -> str:
        return f"{self._namespace}:lock:{name}"
