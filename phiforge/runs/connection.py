"""The way to Redis."""

import ssl
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from phiforge.base.errors import ServiceError
from phiforge.base.redis_address import RedisAddress, read_redis_address
from phiforge.base.settings import Settings
from phiforge.base.transport import check_encrypted

PATIENCE_SECONDS = 30.0
LOOKING_SECONDS = 5.0
"""How long a person who looks waits for an answer."""


def connect(settings: Settings, patience_seconds: float = PATIENCE_SECONDS, retry: Retry | None = None) -> redis.Redis:
    """Return a client of the Redis that ``settings`` name, which returns bytes; raises ServiceError for a bad address.

    ``patience_seconds``: how long an answer may take. ``retry``: whether to ask again then; by default redis-py's own.
    Over TLS the server must show a certificate of its own name that ``redis_ca`` or the system vouches for.
    """
    address = address_of(settings)
    options: dict[str, Any] = {"socket_timeout": patience_seconds, "socket_connect_timeout": 5}
    if settings.broker_login:
        options |= dict(zip(("username", "password"), settings.broker_login, strict=True))
    if address.encrypted:
        options |= tls(settings)
    if retry:
        options["retry"] = retry
    return redis.Redis.from_url(address.url, **options)


def connect_to_look(settings: Settings) -> redis.Redis:
    """Return a client for a person who looks: it gives up soon, and asks once."""
    return connect(settings, LOOKING_SECONDS, Retry(NoBackoff(), 0))


def address_of(settings: Settings) -> RedisAddress:
    """Return where Redis is, for any client; raises ServiceError if the address is none, or leads out in the clear."""
    try:
        address = read_redis_address(settings.broker_url)
    except ValueError as error:
        raise ServiceError(f"PHIFORGE_REDIS_URL is {settings.broker_url!r}: {error}") from error
    if refused := check_encrypted("PHIFORGE_REDIS_URL", address.url, settings.allow_plaintext):
        raise ServiceError(refused)
    return address


def tls(settings: Settings) -> dict[str, Any]:
    """Ask, of any client, for a certificate of the server's own name, which ``redis_ca`` or the system vouches for."""
    strict: dict[str, Any] = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    return strict | ({"ssl_ca_certs": str(settings.redis_ca)} if settings.redis_ca else {})
