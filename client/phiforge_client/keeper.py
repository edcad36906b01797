"""Who looks after the embedded stack: what dies is started again, and what dies again and again is given up."""

import time
from collections.abc import Callable

from phiforge.base.errors import ServiceError
from phiforge_client.deaths import cause, reason
from phiforge_client.stack import Member, Stack

SOON_SECONDS = 10.0
"""A program that lived no longer died at once: something is wrong with it, not with the moment."""

MOST_AT_ONCE = 5
"""Deaths at once, one after the other, that end the stack."""

_LONGEST_PAUSE = 8.0


class Keeper:
    """Tends a stack; ``tell`` is given each death in one line."""

    def __init__(self, stack: Stack, tell: Callable[[str], None]) -> None:
        self._stack, self._tell = stack, tell
        self._at_once: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def tend(self) -> None:
        """Start again what has died and whose pause is over; raises ServiceError, with the reason, to give up."""
        for member in self._stack.members:
            if not member.process.alive:
                self._tend(member)

    def _tend(self, member: Member) -> None:
        if member.name not in self._due:
            self._due[member.name] = time.monotonic() + self._mourn(member)
        if time.monotonic() >= self._due[member.name]:
            del self._due[member.name]
            self._start(member)

    def _start(self, member: Member) -> None:
        """Start a member again; a Redis that does not come up has died once more."""
        try:
            self._stack.restart(member)
        except ServiceError as error:
            self._due[member.name] = time.monotonic() + self._count(member, str(error))

    def _mourn(self, member: Member) -> float:
        """Tell of a death; return the pause before the next start."""
        if time.monotonic() - member.started > SOON_SECONDS:
            self._at_once.pop(member.name, None)
        return self._count(member, reason(member.process.exit_code, member.process.log))

    def _count(self, member: Member, why: str) -> float:
        """Count a death; return the pause before the next start: none at first, doubled with every death at once."""
        deaths = self._at_once[member.name] = self._at_once.get(member.name, 0) + 1
        if deaths >= MOST_AT_ONCE:
            raise ServiceError(f"{member.name} died {deaths} times in a row, each time at once: {why}")
        pause = min(0.5 * 2 ** (deaths - 2), _LONGEST_PAUSE) if deaths > 1 else 0.0
        self._tell(f"{member.name} died ({cause(member.process.exit_code)}) and is started again: {why}")
        return pause
