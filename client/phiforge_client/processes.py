"""Programs that the embedded stack starts, and that never outlive it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from phiforge.base.errors import ServiceError

_POLL_SECONDS = 0.02
_LOG_TAIL_BYTES = 2000

_TETHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
for ignored in (signal.SIGPIPE, signal.SIGINT):  # by Python, and by shells in what they start in the background
    signal.signal(ignored, signal.SIG_DFL)  # the program would inherit that
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Run first in the child's place: asks the kernel to kill it with its parent, then becomes the program.

Not done between fork and exec, where no Python is safe once a process has threads. A parent that died before the
kernel was asked shows as another parent process.
"""


class ChildProcess:
    """A program in a process group of its own, so that Ctrl-C reaches its owner alone, which stops it in order.

    On Linux the kernel kills it when the thread that started it ends, however that happens: start it from the main
    thread. Its output goes to the end of ``log``.
    """

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        self.name = Path(argv[0]).name
        self._asked_to_stop = False
        log.parent.mkdir(parents=True, exist_ok=True)
        tether = [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid())]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*tether, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's number, which is its group's too."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negated signal's number if one ended it."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ask the program to stop, once: to many, a second SIGTERM means at once. Does not wait."""
        if not self._asked_to_stop:
            self._process.terminate()
        self._asked_to_stop = True

    def terminate(self, grace_seconds: float = 5.0) -> None:
        """Ask the program to stop; kill it and what it started if it still runs ``grace_seconds`` later."""
        self.interrupt()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program and what it started at once."""
        if self.alive:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def wait_until_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when ``ready`` says so.

        Raises ServiceError with the log's end if the program ends before or takes longer; it is killed then.
        """
        try:
            self._wait_until_ready(ready, seconds)
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive:
                raise ServiceError(f"{self.name} ended with {self.exit_code} while it started; {self._log_tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} was not ready after {seconds:g} seconds; {self._log_tail()}")
            time.sleep(_POLL_SECONDS)

    def _log_tail(self) -> str:
        tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return f"{self.log} ends with:\n{tail}"


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return that many different ones."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
