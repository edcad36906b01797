"""Work that kills its workers, or breaks off each time, is tried a few times and then given up.

Only bad ends count: a worker that died (its lease ran out), or memory and files that failed. An attempt that ends in
any orderly way, be it for the lack of a server or by SIGTERM, is forgotten; one that takes long renews its lease.
"""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import redis

from phiforge.base.errors import AttemptError, PhiforgeError, RunError
from phiforge.base.metrics import BROKEN_ATTEMPTS
from phiforge.runs.exchange import EXPIRY_SECONDS, Exchange

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 5
"""Bad ends after which the run fails."""


class Attempts:
    """The attempts of one fleet, in Redis, and those of this process, whose leases are renewed."""

    def __init__(self, exchange: Exchange, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds
        self._exchange = exchange
        self._mine: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    @contextmanager
    def attempt(self, run: str, kind: str, work: str) -> Iterator[None]:
        """Hold an attempt at ``work``; raises RunError, without trying, if too many before ended badly.

        Errors that are not of the house are of the moment until they came too often: AttemptError is raised in their
        place, which is a bad end. All others are orderly ends.
        """
        key, token = self._exchange.attempts_key(run, kind), uuid.uuid4().hex
        badly, why = self._exchange.begin_attempt(key, work, token, self.lease_seconds, EXPIRY_SECONDS)
        field = f"{work}/{token}"
        with self._held(key, field, work):
            if badly >= MOST_ATTEMPTS:
                raise RunError(f"{work} {_given_up(badly, why)}")
            yield

    def beat(self) -> None:
        """Renew the leases of this process."""
        with self._lock:
            mine = dict(self._mine)
        for (key, field), work in mine.items():
            self._exchange.lease(key, field, work, self.lease_seconds)

    @contextmanager
    def _held(self, key: str, field: str, work: str) -> Iterator[None]:
        with self._lock:
            self._mine[key, field] = work
        try:
            with _of_the_house(work):
                yield
        except AttemptError as error:
            BROKEN_ATTEMPTS.inc()
            self._exchange.lease(key, field, work, 0, str(error))
            raise
        except BaseException:
            with suppress(redis.RedisError):  # what is being raised matters more
                self._exchange.end_attempt(key, field)
            raise
        else:
            self._exchange.end_attempt(key, field)
        finally:
            with self._lock:
                del self._mine[key, field]


@contextmanager
def _of_the_house(work: str) -> Iterator[None]:
    try:
        yield
    except (PhiforgeError, redis.RedisError):
        raise
    except Exception as error:
        log.exception("%s", work)
        raise AttemptError(f"{work}: {type(error).__name__}: {error}") from error


def _given_up(badly: int, why: str) -> str:
    ended = f"was begun {badly} times and never finished"
    return f"{ended}: {why}" if why else f"{ended}: each time its worker died"
