"""Which runs Redis knows, so that nobody has to scan it: those that go on, and for a while those that ended."""

from typing import Any

KEPT_SECONDS = 3600
"""How long a run that ended stays for whoever is watching."""


class Seen:
    """An index of one fleet's runs in Redis; what it lost comes back with the next look at the active runs."""

    def __init__(self, client: Any, namespace: str) -> None:  # noqa: ANN401 - a client that returns bytes
        self._redis, self._key = client, f"{namespace}:seen"

    def going(self, run: str) -> None:
        """Note that Redis holds ``run``, and that it goes on."""
        self._redis.zadd(self._key, {run: "+inf"})

    def over(self, run: str) -> None:
        """Note that ``run``, of which Redis knows, is over: it is kept for a while."""
        now = self._now()
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(self._key, "-inf", now)
            pipe.zadd(self._key, {run: now + KEPT_SECONDS})
            pipe.execute()

    def forget(self, run: str) -> None:
        """Note that Redis holds nothing of ``run`` any more."""
        self._redis.zrem(self._key, run)

    def all(self) -> list[str]:
        """Return the ids of the runs that go on and of those that ended within the last hour, in order of id."""
        found = self._redis.zrangebyscore(self._key, self._now(), "+inf")
        return sorted(run.decode() for run in found)

    def those_going(self) -> list[str]:
        """Return the ids of the runs that go on as far as Redis knows."""
        return [run.decode() for run in self._redis.zrangebyscore(self._key, "+inf", "+inf")]

    def _now(self) -> int:
        """Return the seconds of Redis' clock."""
        return int(self._redis.time()[0])
