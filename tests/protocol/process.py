"""A process that stands still before each call that others could see, until it is told to go on, or dies there.

Its code is the real one, in a thread; of all processes of a test at most one runs, so every interleaving can be had and
had again. A death is an exception that no call to the outside gets past: nothing is tidied up, as after SIGKILL.
"""

from collections.abc import Callable, Collection
from threading import Semaphore, Thread
from typing import Any

WAIT_SECONDS = 60.0


class Killed(BaseException):
    """Raised in a process that was killed, at every call to the outside from then on."""


class Process:
    """Does one piece of work at a time, call by call."""

    def __init__(self) -> None:
        self.busy = False
        self.dead = False
        self.error: BaseException | None = None
        self.before = ""
        """The call that it stands before."""
        self._go, self._stands = Semaphore(0), Semaphore(0)

    def start(self, work: Callable[[], None]) -> None:
        """Begin ``work``, up to its first call."""
        assert not self.busy
        assert not self.dead
        self.busy = True
        Thread(target=self._run, args=(work,), daemon=True).start()
        self._wait()

    def step(self) -> None:
        """Do the call that it stands before, and go on to the next one or to the end."""
        self._go.release()
        self._wait()

    def finish(self) -> None:
        """Do all that is left."""
        while self.busy:
            self.step()

    def go_to(self, call: str) -> None:
        """Do all up to the next ``call``, or to the end."""
        while self.busy and self.before != call:
            self.step()

    def kill(self) -> None:
        """Die where it stands."""
        self.dead = True
        while self.busy:
            self.step()

    def stand(self, call: str) -> None:
        """Wait to be told to go on: called by the process itself, before a call."""
        if self.dead:
            raise Killed
        self.before = call
        self._stands.release()
        self._go.acquire()
        if self.dead:
            raise Killed

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.busy = False
            self._stands.release()

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=WAIT_SECONDS), "it neither stands nor ends"
        if self.error:
            raise self.error


class Outside:
    """Something that processes share, as one of them sees it: it stands before each call of ``methods``."""

    def __init__(self, inner: Any, process: Process, methods: Collection[str]) -> None:
        self._inner, self._process, self._methods = inner, process, methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._methods:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._process.stand(name)
            return found(*arguments, **options)

        return call
