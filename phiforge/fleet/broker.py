"""The broker's lists as kombu reads them, but for what is no message at all: that must not end a service.

Whoever can write to Redis can push anything into a queue. Kombu lets the error of whatever it cannot read out into the
worker's loop, which ends the worker; and what it had read half would count as being worked on, for ever.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import redis
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.asynchronous import Hub
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps

from phiforge.base.metrics import REFUSED_MESSAGES

log = logging.getLogger(__name__)

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What kombu and Celery raise on an item that is no JSON, or JSON that is no message."""


class Channel(kombu_redis.Channel):  # type: ignore[misc]
    """Drops what is no JSON: it has left the list by the time it is looked at."""

    _kept_client: redis.Redis | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: ANN401 - kombu's own
        """Return one client for all commands that do not wait: kombu makes one for each, dearer than the command."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._kept_client is None or self._kept_client.connection_pool is not self.pool:
            self._kept_client = super()._create_client()
        return self._kept_client

    def put_together(self, queue: str, messages: Sequence[Any]) -> None:
        """Put messages that kombu prepared into ``queue`` by one command, in order."""
        with self.conn_or_acquire() as client:
            client.lpush(self._q_for_pri(queue, 0), *map(dumps, messages))

    def _brpop_read(self, **options: Any) -> Any:  # noqa: ANN401 - kombu's own
        try:
            return super()._brpop_read(**options)
        except _UNREADABLE:
            _refuse("it is no JSON")
            return True


_polls: WeakKeyDictionary[Hub, set[Callable[[], None]]] = WeakKeyDictionary()
"""What the newest connection of each loop lets it call at every turn."""


class Transport(kombu_redis.Transport):  # type: ignore[misc]
    """Drops JSON that is no message, and lost connections."""

    Channel = Channel

    def register_with_event_loop(self, connection: Any, loop: Hub) -> None:  # noqa: ANN401 - kombu's own
        """Let ``loop`` poll this connection alone: kombu leaves the one before it there for ever, with all it holds."""
        loop.on_tick -= _polls.get(loop, set())
        others = set(loop.on_tick)
        super().register_with_event_loop(connection, loop)
        _polls[loop] = loop.on_tick - others

    def _deliver(self, message: Any, queue: str) -> None:  # noqa: ANN401 - whatever was in the list
        try:
            super()._deliver(message, queue)
        except _UNREADABLE:
            _refuse("it is no message")
            self._forget(message)

    def _forget(self, message: Any) -> None:  # noqa: ANN401 - whatever was in the list
        """Take it off what is being worked on, if it got that far: the next message waits for that."""
        try:
            tag = message["properties"]["delivery_tag"]
        except (LookupError, TypeError):
            return
        for channel in self.channels:
            if isinstance(tag, str) and tag in channel.qos._delivered:
                channel.basic_reject(tag, requeue=False)


class Consumer(CeleryConsumer):  # type: ignore[misc]
    """Counts what Celery cannot decode, which it logs and drops."""

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ANN401 - Celery's own
        """Count, log and drop."""
        REFUSED_MESSAGES.labels(reason="unreadable").inc()
        super().on_decode_error(message, exc)


CONSUMER = f"{__name__}:Consumer"


def register() -> None:
    """Let kombu use this transport for every Redis address."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"


def _refuse(why: str) -> None:
    log.exception("dropping what came through the broker: %s", why)
    REFUSED_MESSAGES.labels(reason="unreadable").inc()
