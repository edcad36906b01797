"""The way to Redis."""

from typing import Any

import redis

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.base.transport import check_encrypted


def connect(settings: Settings) -> redis.Redis:
    """Return a client of the Redis that ``settings`` name, which returns bytes; raises ServiceError for a bad address.

    Over TLS the server must show a certificate of its own name that ``redis_ca`` or the system vouches for.
    """
    if refused := check_encrypted("PHIFORGE_REDIS_URL", settings.broker_url, settings.allow_plaintext):
        raise ServiceError(refused)
    options: dict[str, Any] = {"socket_timeout": 30, "socket_connect_timeout": 5}
    if settings.broker_login:
        options |= dict(zip(("username", "password"), settings.broker_login, strict=True))
    if settings.redis_ca and settings.broker_url.startswith("rediss://"):
        options["ssl_ca_certs"] = str(settings.redis_ca)
    try:
        return redis.Redis.from_url(settings.broker_url, **options)
    except ValueError as error:
        raise ServiceError(f"PHIFORGE_REDIS_URL is {settings.broker_url!r}: {error}") from error
