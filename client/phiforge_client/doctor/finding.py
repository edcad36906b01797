"""One line of the doctor's answer."""

from enum import StrEnum
from typing import Any, NamedTuple


class State(StrEnum):
    """How a thing is: as it should be, not quite, or so that something does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """What was looked at, how it is, what was found, and what to do about it if it is not as it should be."""

    what: str
    state: State
    found: str
    do: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict()


def good(what: str, found: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(what, State.OK, found)


def warning(what: str, found: str, do: str) -> Finding:
    """Return that a thing is not quite as it should be."""
    return Finding(what, State.WARN, found, do)


def failure(what: str, found: str, do: str) -> Finding:
    """Return that something does not work for that."""
    return Finding(what, State.FAIL, found, do)
