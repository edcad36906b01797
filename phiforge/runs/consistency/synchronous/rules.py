"""The rules of synchronous runs: a version is made of its own jobs, all of them, from the φ before it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from phiforge.runs.commit_log import Entry, Work
from phiforge.runs.consistency.base import Rules
from phiforge.runs.record import Extras
from phiforge.runs.steps import Ticket


class SynchronousRules(Rules):
    """Nothing lags, and nothing is kept beside φ."""

    name: ClassVar[str] = "synchronous"
    in_step: ClassVar[bool] = True
    bit_reproducible: ClassVar[bool] = True

    @property
    def reach(self) -> int:
        """Return 0: only the head's own jobs are worked on."""
        return 0

    def open_at(self, start: int, extras: Extras) -> list[Ticket]:
        """Return the jobs of the version."""
        return self._jobs_of(start)

    def opened_by(self, head: int) -> list[Ticket]:
        """Return the jobs of the head."""
        return self._jobs_of(head)

    def extras_after(self, head: int, extras: Extras, used: Iterable[Ticket]) -> Extras:
        """Return nothing."""
        return {}

    def noted(self, works: Sequence[Work]) -> Sequence[Work]:
        """Return none: the version tells all of them."""
        return ()

    def is_determined(self, start: int, entries: Iterable[Entry]) -> bool:
        """Return True: no version is made from a φ before the one it follows."""
        return True
