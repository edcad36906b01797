"""What a stack says of itself in its home, and the lock that it holds for as long as it lives.

The lock is the kernel's, so it goes with whoever holds it, however that ends. The file says who that is.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from phiforge.base.errors import ServiceError
from phiforge_client.background.identity import Identity

_TRIES = 20
_LOCK, _STATE = "stack.lock", "stack.json"


class MemberState(NamedTuple):
    """One program of a stack: its name and process, where its metrics are ('' of Redis), and its log."""

    name: str
    process: Identity
    metrics: str
    log: str


class StackState(NamedTuple):
    """A stack: its supervisor, when that started (seconds since 1970), whether all is up, and its programs."""

    supervisor: Identity
    since: float
    ready: bool = False
    members: tuple[MemberState, ...] = ()

    @classmethod
    def mine(cls) -> Self:
        """Return the state of a stack that this process has begun to start."""
        return cls(Identity.of(os.getpid()), time.time())

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return what ``to_json`` gave; raises what Python does for anything else."""
        members = tuple(
            MemberState(each["name"], Identity(**each["process"]), each["metrics"], each["log"])
            for each in fields["members"]
        )
        return cls(Identity(**fields["supervisor"]), float(fields["since"]), bool(fields["ready"]), members)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        members = [each._asdict() | {"process": each.process._asdict()} for each in self.members]
        return self._asdict() | {"supervisor": self.supervisor._asdict(), "members": members}


class StackFile:
    """Where the stack of one home is found.

    Args:
        home: the folder of local state; it need not be there.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()

    def read(self) -> StackState | None:
        """Return what the last stack said of itself; None if there was none, or it cannot be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            return StackState.from_json(json.loads((self.home / _STATE).read_text(encoding="utf-8")))
        return None

    def running(self) -> StackState | None:
        """Return the stack that runs here, if one does."""
        state = self.read()
        return state if state and state.supervisor.alive and self.held() else None

    def held(self) -> bool:
        """Say whether a stack lives here, or begins to."""
        try:
            with (self.home / _LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only stack of this home; raises ServiceError, which says who is, if there is one."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / _LOCK).open("ab") as file:
            if not _locked(file):
                raise ServiceError(self._taken())
            try:
                yield
            finally:
                (self.home / _STATE).unlink(missing_ok=True)

    def write(self, state: StackState) -> None:
        """Say what the stack is now: a reader sees the old or the new, whole."""
        aside = self.home / f"{_STATE}.{os.getpid()}"
        aside.write_text(json.dumps(state.to_json()), encoding="utf-8")
        aside.replace(self.home / _STATE)

    def _taken(self) -> str:
        state = self.read()
        who = f" (process {state.supervisor.pid})" if state and state.supervisor.alive else ""
        return (
            f"a stack runs in {self.home} already{who}: `phiforge status` shows it and `phiforge down` stops it; "
            "another home, by PHIFORGE_HOME, has a stack of its own"
        )


def _locked(file: IO[bytes]) -> bool:
    """Lock a file; tried for a moment, as who asks whether it is locked holds it for as long as that takes."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02)
    return False
