"""What every service stands on: what runs do, a queue and attempts, opened once a process."""

from typing import Self

from phiforge.base.settings import Settings
from phiforge.fleet.attempts import Attempts
from phiforge.fleet.queue import Queue
from phiforge.runs.connection import connect
from phiforge.runs.exchange import Exchange
from phiforge.runs.platform import RunPlatform
from phiforge.runs.store import Store, open_store


class Platform(RunPlatform):
    """One process's connections, messages among them."""

    def __init__(self, settings: Settings, store: Store, exchange: Exchange, queue: Queue) -> None:
        super().__init__(settings, store, exchange, queue)
        self.queue = queue
        self.attempts = Attempts(exchange, settings.lease_seconds)

    @classmethod
    def open(cls, settings: Settings, make: bool = True) -> Self:
        """Connect to what ``settings`` name; raises StoreError if the object storage cannot be used.

        ``make``: a folder as object storage that is not there yet; else the first value that is written makes it.
        """
        exchange = Exchange(connect(settings), settings.namespace)
        return cls(settings, open_store(settings, make), exchange, Queue(settings, exchange.waiting))

    def close(self) -> None:
        """Give every connection back."""
        self.queue.close()
        super().close()
