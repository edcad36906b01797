"""Who serves a queue: each process says so in Redis while it lives, with a few words about what it computes on."""

import uuid
from collections.abc import Mapping
from typing import Self

from phiforge.fleet.platform import Platform
from phiforge.fleet.queue import worker_name
from phiforge.learning.device import description
from phiforge.runs.exchange import Exchange
from phiforge.runs.queues import QueueName
from phiforge.runs.scripts import Value

_PROCESS = uuid.uuid4().hex[:8]
"""Tells this process from one before it of the same number, as the first of a container is."""


class Roster:
    """The workers of one queue that live, as seen by one of them."""

    def __init__(self, exchange: Exchange, queue: QueueName, lease_seconds: float, me: str, about: str = "") -> None:
        """Stand for the worker ``me`` of ``queue``.

        Args:
            exchange: the fleet's
            queue: which it serves
            lease_seconds: silence after which a worker counts as gone
            me: what no other worker is called
            about: a few words on what it computes on, for whoever reads why nobody could
        """
        self.queue, self.lease_seconds, self.me = queue, lease_seconds, me
        self._redis, self._about = exchange.redis, about
        self._key = f"{exchange.namespace}:roster:{queue}"
        self._beat = exchange.script("roster", "phiforge.fleet")

    @classmethod
    def of(cls, platform: Platform, queue: QueueName) -> Self:
        """Return the roster of ``queue`` as this process sees it: what it is called does not change while it lives."""
        settings = platform.settings
        about = "" if queue == "sampling" else description(settings.device)
        return cls(platform.exchange, queue, settings.lease_seconds, f"{worker_name(queue)}/{_PROCESS}", about)

    def beat(self) -> Mapping[str, str]:
        """Say that this worker lives; return all that do, with a few words about each."""
        values: dict[str, Value] = {"worker": self.me, "about": self._about, "lease": int(1000 * self.lease_seconds)}
        found = self._beat({"roster": self._key}, values)
        texts = [text.decode(errors="replace") for text in found]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def leave(self) -> None:
        """Say that this worker is about to end."""
        self._redis.hdel(self._key, self.me)
