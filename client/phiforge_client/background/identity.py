"""A process by its number and the moment it started: numbers are used again, and a stranger must not be ended."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

_STARTED = 19
"""Which field of /proc/PID/stat, counted after the name in brackets, is the moment of the start."""


class Identity(NamedTuple):
    """One process of this machine.

    ``started`` names the moment: the boot it belongs to, and the clock ticks from that boot on.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Return who has that number now; of nobody ``started`` is empty."""
        return cls(pid, _started(pid))

    @property
    def alive(self) -> bool:
        """Whether that very process still runs; one that ended and was not waited for does not."""
        return bool(self.started) and _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to that very process and no other; False if it is gone."""
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)  # stands for the process that has the number now, whatever comes later
            try:
                if self.alive:
                    signal.pidfd_send_signal(handle, number)
                    return True
            finally:
                os.close(handle)
        return False


def _started(pid: int) -> str:
    with suppress(OSError, IndexError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if state in "ZX" else f"{boot} {fields[_STARTED - 1]}"
    return ""
