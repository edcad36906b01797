"""The watchdog: no run may be neither moving nor over with a reason, go backwards for nothing or be seen with two φ."""

import time
from contextlib import suppress
from typing import NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from phiforge.base.errors import ServiceError, StoreError
from phiforge.fleet.platform import Platform
from phiforge.runs.connection import connect
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.exchange import Exchange
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.platform import RunPlatform
from phiforge.runs.queues import QUEUES
from phiforge.runs.record import RunStatus
from phiforge.runs.steps import State, Ticket

STATUS_SECONDS = 0.2
"""Pause between two looks at a run's status, which costs three requests to the store."""


class Sign(NamedTuple):
    """What changes when a run moves: its head, the open step's contributions, when it last got a score."""

    head: int
    contributions: int
    scored_at: bytes


class Watchdog:
    """Looks at one run, again and again; raises ServiceError with the whole picture when it is not as it must be."""

    def __init__(self, platform: Platform, run: str, patience_seconds: float) -> None:
        self.run = run
        self.hashes: dict[int, str] = {}
        self.longest = 0.0
        """The longest time that the run stood still, in seconds, not counting what was forgiven."""
        self.commits = 0
        """How often a new head was seen that was not one put back."""
        self._platform = platform
        client = connect(platform.settings, patience_seconds=5, retry=Retry(NoBackoff(), 0))
        self._exchange = Exchange(client, platform.settings.namespace)
        self._looking = RunPlatform(platform.settings, platform.store, self._exchange)
        self._patience = patience_seconds
        self._sign: Sign | None = None
        self._moved_at = time.monotonic()
        self._may_rewind = False
        self._status, self._status_at = RunStatus.RUNNING, 0.0

    def close(self) -> None:
        """Give the connection back."""
        self._exchange.redis.close()

    @property
    def head(self) -> int:
        """The newest version seen, 0 before any."""
        return self._sign.head if self._sign else 0

    def forgive(self) -> None:
        """Begin to count anew: the run could not move until now."""
        self._moved_at = time.monotonic()

    def expect_rewind(self) -> None:
        """Allow the head to go back once: Redis is about to lose what it holds."""
        self._may_rewind = True

    def look(self) -> RunStatus:
        """Return the run's status as last seen; raises ServiceError if the run stands still or contradicts itself."""
        with suppress(redis.RedisError):
            self._notice(self._exchange.state(self.run))
        self._look_at_status()
        still = time.monotonic() - self._moved_at
        self.longest = max(self.longest, still)
        if self._status is RunStatus.RUNNING and still > self._patience:
            raise ServiceError(f"run {self.run} stood still for {still:.1f} s:\n{self.picture()}")
        return self._status

    def picture(self) -> str:
        """Return all that may say why a run stands still."""
        lines = []
        for what, look in (
            ("state", lambda: self._fields("state")),
            ("evaluation", lambda: self._fields("evaluation")),
            ("contributions", lambda: sorted(map(str, self._contributed(self.head)))),
            ("waiting", lambda: {q: self._exchange.waiting(self._platform.queue.name(q)) for q in QUEUES}),
            ("checkpoints", lambda: self._platform.record.checkpoints(self.run)),
            ("scored", lambda: self._platform.record.scored(self.run, "validation")),
            ("episodes missing", self._missing_episodes),
        ):
            try:
                lines.append(f"  {what}: {look()}")
            except (redis.RedisError, StoreError) as error:
                lines.append(f"  {what}: cannot be seen: {error}")
        return "\n".join(lines)

    def _notice(self, state: State | None) -> None:
        if state is None:
            return
        known = self.hashes.setdefault(state.head, state.phi_hash)
        if known != state.phi_hash:
            raise ServiceError(f"version {state.head} of run {self.run} was seen with two φ: {known}, {state.phi_hash}")
        sign = Sign(state.head, len(self._contributed(state.head)), self._scored_at())
        if self._sign and sign.head < self._sign.head:
            if not self._may_rewind:
                raise ServiceError(f"run {self.run} went back from version {self._sign.head} to {sign.head}")
            self._may_rewind = False
        elif self._sign and sign.head > self._sign.head:
            self.commits += 1
        if sign != self._sign:
            self._sign = sign
            self._moved_at = time.monotonic()

    def _scored_at(self) -> bytes:
        """Return when the evaluation last moved by itself: what a resend notes there is no movement."""
        moved_at, resends = self._exchange.redis.hmget(self._key("evaluation"), "moved_at", "resends")
        before = self._sign.scored_at if self._sign else b""
        return moved_at if moved_at and resends == b"0" else before

    def _contributed(self, head: int) -> set[Ticket]:
        """Return the jobs whose contributions wait to become a version."""
        record = self._platform.run(self.run)
        return protocol_of(self._looking, record).contributed(self.run, head)

    def _look_at_status(self) -> None:
        if time.monotonic() - self._status_at > STATUS_SECONDS:
            with suppress(StoreError):
                self._status = self._platform.record.status(self.run)
            self._status_at = time.monotonic()

    def _fields(self, name: str) -> dict[bytes, bytes]:
        fields: dict[bytes, bytes] = self._exchange.redis.hgetall(self._key(name))
        return fields

    def _key(self, name: str) -> str:
        return f"{self._exchange.namespace}:{{{self.run}}}:{name}"

    def _missing_episodes(self) -> list[int]:
        record = self._platform.run(self.run)
        keys = [training_episodes_key(self.run, self.head, job) for job in range(record.spec.outer.jobs)]
        return [job for job, key in enumerate(keys) if not self._platform.store.exists(key)]
