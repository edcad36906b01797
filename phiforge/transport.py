"""The way to servers, and what may travel on it in the clear: nothing that leaves this machine, unless allowed."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import redis

from phiforge.errors import ServiceError
from phiforge.settings import Settings

_CLEAR = ("http", "redis")


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


def check_encrypted(setting: str, address: str, allow_plaintext: bool) -> str | None:
    """Return why ``address`` is refused, or None if it stays on this machine, is encrypted or was allowed."""
    parts = urlsplit(address)
    if parts.scheme not in _CLEAR or allow_plaintext or is_loopback(parts.hostname or "localhost"):
        return None
    return (
        f"{setting} is {address!r}: secrets and data would cross the network in the clear; use {parts.scheme}s://, "
        "or set PHIFORGE_ALLOW_PLAINTEXT=true where the network itself is trusted"
    )


def is_loopback(host: str) -> bool:
    """Say whether ``host`` is this machine by an address that nothing can lead elsewhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
