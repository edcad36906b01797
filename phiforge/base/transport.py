"""The way to servers, and what may travel on it in the clear: nothing that leaves this machine, unless allowed."""

import ipaddress
from urllib.parse import urlsplit

_CLEAR = ("http", "redis")


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
