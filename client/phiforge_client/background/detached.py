"""``phiforge up --detach`` and ``down``: a stack that outlives the terminal, and its orderly end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge_client.background.identity import Identity
from phiforge_client.background.state import StackFile, StackState
from phiforge_client.deaths import reason

LOG = "stack.log"

START_SECONDS = 90.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.05


def start(settings: Settings, options: Sequence[str]) -> tuple[StackState, bool]:
    """Start a stack in the background; return it once all of it is up, and whether it was started now.

    Args:
        settings: of the stack.
        options: of ``phiforge up``.

    Raises ServiceError, with the end of its log, if it does not come up.
    """
    file = StackFile(settings.home)
    if file.held():
        return _await_other(file), False
    log = file.home / "logs" / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "phiforge_client.cli", "up", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PHIFORGE_HOME": str(file.home)},
            start_new_session=True,
        )
    try:
        return _await_ready(file, process), True
    except ServiceError as error:
        if file.held():  # another one was quicker
            return _await_other(file), False
        raise ServiceError(f"the stack did not start: {error}") from None
    except BaseException:
        process.terminate()
        raise


def stop(settings: Settings) -> StackState | None:
    """Stop the stack of this home, in order or, after half a minute, at once; return it, or None if none runs.

    What a supervisor left behind that was killed is ended too. Raises ServiceError if something does not end.
    """
    file = StackFile(settings.home)
    state = file.read()
    if state is None:
        return None
    was = state.supervisor.send(signal.SIGTERM)
    if was and not _gone([state.supervisor], STOP_SECONDS):
        state = file.read() or state
        state.supervisor.send(signal.SIGKILL)
    left = [state.supervisor, *(each.process for each in state.members)]
    was = _end(left) or was
    if not file.held():
        with suppress(OSError):
            (file.home / "stack.json").unlink(missing_ok=True)
    return state if was else None


def _end(processes: Sequence[Identity]) -> bool:
    """End at once what still runs of a stack whose supervisor is gone; say whether anything did."""
    if _gone(processes, 1.0):  # the kernel kills them with the supervisor; that takes a moment
        return False
    for each in processes:
        each.send(signal.SIGKILL)
    if not _gone(processes, STOP_SECONDS):
        pids = ", ".join(str(each.pid) for each in processes if each.alive)
        raise ServiceError(f"processes {pids} of the stack do not end: see what they wait for, then try again")
    return True


def _gone(processes: Sequence[Identity], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(each.alive for each in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _await_other(file: StackFile) -> StackState:
    """Return the stack that somebody else started, once it is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and file.held():
        if (state := file.running()) and state.ready:
            return state
        time.sleep(_POLL_SECONDS)
    raise ServiceError(f"the stack in {file.home}, which somebody else started, did not come up: `phiforge logs stack`")


def _await_ready(file: StackFile, process: "subprocess.Popen[bytes]") -> StackState:
    deadline = time.monotonic() + START_SECONDS
    while True:
        state = file.read()
        if state and state.ready and state.supervisor.pid == process.pid:
            return state
        if process.poll() is not None:
            raise ServiceError(reason(process.poll(), file.home / "logs" / LOG))
        if time.monotonic() > deadline:
            process.terminate()
            raise ServiceError(f"it was not ready after {START_SECONDS:g} seconds; see {file.home / 'logs' / LOG}")
        time.sleep(_POLL_SECONDS)
