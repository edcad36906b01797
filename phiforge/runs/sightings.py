"""When this process last saw each run alive in Redis: what a Redis that lost everything cannot tell."""

import time

from phiforge.runs.record import RunStatus
from phiforge.runs.steps import State

_MOST = 1000


class Sightings:
    """Remembers the last moment, on this process's monotonic clock; a bounded number of runs."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def note(self, run: str, state: State | None) -> None:
        """Note what Redis knows of ``run`` now; one that is over is of no more interest."""
        if state:
            self._seen.pop(run, None)
        if state and state.status is RunStatus.RUNNING:
            self._seen[run] = time.monotonic()
            if len(self._seen) > _MOST:
                del self._seen[next(iter(self._seen))]

    def runs(self) -> list[str]:
        """Return the ids of the runs that were seen and were not over then."""
        return list(self._seen)

    def silence(self, run: str) -> float | None:
        """Return the seconds since ``run`` was seen; None if it never was."""
        seen = self._seen.get(run)
        return None if seen is None else time.monotonic() - seen
