"""What is found of Redis, of the object storage, and of how their clocks differ from this machine's."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import redis as redis_py
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.runs.connection import connect_to_look
from phiforge.runs.store import open_store
from phiforge.runs.store.probe import WRITERS, broken_promise
from phiforge_client.doctor.finding import Finding, failure, good, warning
from phiforge_client.servers import redis_binary

OLDEST_REDIS = (6, 2)
_SKEW_SECONDS = 5.0
_S3_SKEW_SECONDS = 900.0
"""S3 refuses what was signed by a clock that differs by more."""


def redis(settings: Settings) -> Iterator[Finding]:
    """Look whether Redis answers, which one it is, whether it may forget, and what its clock says."""
    client = connect_to_look(settings)
    try:
        yield from _answering(client, settings)
    except redis_py.RedisError as error:
        yield _away(settings, error)
    finally:
        client.close()


def store(settings: Settings) -> Iterator[Finding]:
    """Look whether the object storage can be written and keeps its promise, with several who write at once.

    A bucket that is not there is made, as the first submission would; a folder is not.
    """
    url = settings.object_store_url
    folder = Path(url.removeprefix("file://")) if url.startswith("file://") else None
    if folder and not folder.exists():
        yield good("object storage", f"{url}, not there yet; the first submission makes it")
        return
    opened = open_store(settings, make=False)
    if broken := broken_promise(opened):
        yield failure(
            "object storage", f"{url}: {broken}", "use a server or a file system that honours conditional writes"
        )
    else:
        yield good("object storage", f"{url}; of {WRITERS} that write a key at once, one does")
    if folder is None:
        yield from _s3_clock(settings)


def _answering(client: "redis_py.Redis", settings: Settings) -> Iterator[Finding]:
    here, (seconds, microseconds) = time.time(), client.time()
    found = client.info("server")["redis_version"]
    if tuple(map(int, str(found).split(".")[:2])) < OLDEST_REDIS:
        yield failure("Redis", f"{found} at {settings.broker_url}", "use Redis 6.2 or newer")
    else:
        yield good("Redis", f"{found} at {settings.broker_url}")
    policy = client.info("memory").get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield warning("Redis memory", f"maxmemory-policy {policy}", "set it to noeviction: what it drops is made again")
    yield _clock("Redis", seconds + microseconds / 1e6 - here, worst=None)


def _away(settings: Settings, error: Exception) -> Finding:
    if settings.redis_url:
        do = "start it, or correct PHIFORGE_REDIS_URL, PHIFORGE_REDIS_USER and PHIFORGE_REDIS_PASSWORD"
        return failure("Redis", f"{settings.broker_url} does not answer: {error}", do)
    try:
        return warning("Redis", f"no stack runs here; {redis_binary()} is there", "phiforge up --detach")
    except ServiceError as missing:
        return failure("Redis", "no stack runs here, and none can", str(missing))


def _s3_clock(settings: Settings) -> Iterator[Finding]:
    try:
        with PoolManager(timeout=5.0, retries=False, ca_certs=str(settings.s3_ca) if settings.s3_ca else None) as pool:
            said = pool.request("HEAD", settings.s3_endpoint).headers.get("Date", "")
        yield _clock("S3", parsedate_to_datetime(said).timestamp() - time.time(), worst=_S3_SKEW_SECONDS)
    except (HTTPError, ValueError, TypeError):
        yield good("clock of S3", "it does not say")


def _clock(of: str, skew: float, worst: float | None) -> Finding:
    """Judge by how many seconds a server's clock is ahead of ours."""
    what, found = f"clock of {of}", f"{skew:+.1f} s from this machine's"
    if worst is not None and abs(skew) > worst:
        return failure(what, found, "set the clocks: S3 refuses what was signed by one that is so wrong")
    if abs(skew) > _SKEW_SECONDS:
        return warning(what, found, "set the clocks, by NTP: times that are shown are wrong by that")
    return good(what, found)
