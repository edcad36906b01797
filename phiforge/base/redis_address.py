"""The address of Redis: read once, by one parser, for every client that goes there."""

from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ALLOWED = (
    "allowed are redis://host:port/db, rediss://host:port/db (encrypted) and unix:///path.sock?db=0; the database may "
    "stand in the path or as ?db=, and there are no other options"
)
_DATABASES = 2**31
_PORT = 6379


class RedisAddress(NamedTuple):
    """Where Redis is: a host and a port, or the ``path`` of a socket of this machine; and which of its databases."""

    host: str
    port: int
    path: str
    database: int
    encrypted: bool

    @property
    def url(self) -> str:
        """The address, spelled in the one way that leaves nothing to a default."""
        if self.path:
            return f"unix://{quote(self.path)}?db={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.encrypted else 'redis'}://{host}:{self.port}/{self.database}"


def read_redis_address(address: str) -> RedisAddress:
    """Return what ``address`` says; raises ValueError, with what is allowed, for anything it does not know.

    An option is one too many for good: it could reach one client and not the other, or switch the check of
    certificates off.
    """
    try:
        parts = urlsplit(address)
        port = _PORT if parts.port is None else parts.port
    except ValueError:
        raise _refused("its port is no number from 0 to 65535, or its host is none") from None
    if parts.fragment or "#" in address:
        raise _refused("it has a '#', which means nothing here")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.strip("/"):
            raise _refused("it names no server: a socket's path stands after three slashes")
        return RedisAddress("", 0, unquote(parts.path), _database("", parts.query), encrypted=False)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or port == 0:
        raise _refused(f"it names no server to connect to, its scheme is {parts.scheme!r}")
    encrypted = parts.scheme == "rediss"
    return RedisAddress(unquote(parts.hostname), port, "", _database(parts.path, parts.query), encrypted)


def _database(path: str, query: str) -> int:
    """Return the database that the path or the option ``db`` names; both, if they say the same."""
    options = parse_qsl(query, keep_blank_values=True)
    if unknown := sorted({name for name, _ in options if name != "db"}):
        raise _refused(f"it has the option {', '.join(map(repr, unknown))}")
    given = {path.strip("/")} - {""} | {value for _, value in options}
    if len(given) > 1:
        raise _refused(f"it names several databases: {', '.join(sorted(given))}")
    database = given.pop() if given else "0"
    if not (database.isascii() and database.isdigit() and int(database) < _DATABASES):
        raise _refused(f"its database is {database!r}, which is no number")
    return int(database)


def _refused(why: str) -> ValueError:
    return ValueError(f"{why}; {ALLOWED}")
