"""What runs stand on: settings, record and exchange, opened once a process; and an outbox, for whoever moves them."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Self, TypeVar

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.runs.connection import connect_to_look
from phiforge.runs.exchange import Exchange
from phiforge.runs.locks import Locks
from phiforge.runs.outbox import Outbox
from phiforge.runs.record import Record
from phiforge.runs.sightings import Sightings
from phiforge.runs.store import Store, open_store

if TYPE_CHECKING:  # who only looks at runs needs no torch
    from phiforge.runs.checkpoints import Checkpoints

T = TypeVar("T")


class RunPlatform:
    """One process's connections, and what it remembers of runs."""

    def __init__(self, settings: Settings, store: Store, exchange: Exchange, outbox: Outbox | None = None) -> None:
        self.settings = settings
        self.store = store
        self.record = Record(store)
        self.exchange = exchange
        self.locks = Locks(exchange)
        self.sightings = Sightings()
        self.run = lru_cache(maxsize=64)(self.record.run)
        """A run's record, which never changes."""
        self._outbox = outbox
        self._made: dict[Callable[..., Any], Any] = {}

    @classmethod
    def look(cls, settings: Settings) -> Self:
        """Connect to what ``settings`` name, to look at runs for a person, who is told soon if Redis does not answer.

        Nothing is made: not even the folder of an object storage that is not there. Raises StoreError if it cannot be
        used.
        """
        exchange = Exchange(connect_to_look(settings), settings.namespace)
        return cls(settings, open_store(settings, make=False), exchange)

    @property
    def outbox(self) -> Outbox:
        """Where messages are sent; raises ServiceError if this process only looks at runs."""
        if self._outbox is None:
            raise ServiceError("this process only looks at runs and sends no messages: open phiforge.fleet's Platform")
        return self._outbox

    @cached_property
    def checkpoints(self) -> "Checkpoints":
        """The checkpoints of all runs."""
        from phiforge.runs.checkpoints import Checkpoints

        return Checkpoints(self.record)

    def once(self, kind: Callable[[Self], T]) -> T:
        """Return the only ``kind`` of this process: made when it is first asked for, on this platform."""
        if kind not in self._made:
            self._made[kind] = kind(self)
        found: T = self._made[kind]
        return found

    def close(self) -> None:
        """Give every connection back."""
        self.exchange.redis.close()
