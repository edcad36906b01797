"""``phiforge logs``: what the programs of the embedded stack wrote."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phiforge.base.errors import ServiceError
from phiforge.base.nearest import did_you_mean
from phiforge.base.settings import Settings

POLL_SECONDS = 0.2
_BLOCK = 1 << 16


class Log(NamedTuple):
    """One program's log."""

    service: str
    path: Path

    def to_json(self, lines: int) -> dict[str, object]:
        """Return its place and its last lines as JSON values."""
        return {"service": self.service, "path": str(self.path), "lines": tail(self.path, lines)}


def logs_of(settings: Settings, service: str = "") -> list[Log]:
    """Return the logs of the stack of this home: all of them, one program's, or those of one kind, as ``trainer``.

    Raises ServiceError, with those there are, if there is none.
    """
    folder = settings.home.resolve() / "logs"
    there = [Log(path.stem, path) for path in sorted(folder.glob("*.log"))]
    if not there:
        raise ServiceError(f"there are no logs in {folder}; `phiforge up` starts what writes them")
    found = [log for log in there if not service or service in (log.service, log.service.rpartition("-")[0])]
    if not found:
        names = [log.service for log in there]
        raise ServiceError(
            f"no program {service[:80]!r} has a log in {folder}; there are: {', '.join(names)}"
            f"{did_you_mean(service, names)}"
        )
    return found


def tail(path: Path, lines: int) -> list[str]:
    """Return the last ``lines`` of a file of any size that are not empty: no more of it is read than they take."""
    data = b""
    with path.open("rb") as file:
        at = file.seek(0, 2)
        while at and data.count(b"\n") <= lines:
            size = min(_BLOCK, at)
            at = file.seek(at - size)
            data = file.read(size) + data
    written = [line for line in data.decode(errors="replace").splitlines() if line.strip()]
    return written[-lines:] if lines else []


def followed(logs: list[Log]) -> Iterator[tuple[Log, str]]:
    """Yield each further line that the programs write, with whose it is, for ever; a file begun anew is read anew."""
    at = {log: log.path.stat().st_size for log in logs}
    while True:
        for log in logs:
            for line in _new_lines(log, at):
                yield log, line
        time.sleep(POLL_SECONDS)


def _new_lines(log: Log, at: dict[Log, int]) -> list[str]:
    size = log.path.stat().st_size if log.path.exists() else 0
    if size < at[log]:
        at[log] = 0
    if size == at[log]:
        return []
    with log.path.open("rb") as file:
        file.seek(at[log])
        data = file.read(size - at[log])
    whole = data.rpartition(b"\n")[0]
    at[log] += len(whole) + 1 if whole else 0
    return whole.decode(errors="replace").splitlines()
