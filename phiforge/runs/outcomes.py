"""What became of a message's work: one word each, the same in code, logs and metrics."""

from enum import StrEnum

from phiforge.base.errors import PhiforgeError


class Outcome(StrEnum):
    """How one piece of work ended; whoever asks looks at the member, never at a text."""

    PUBLISHED = "published"
    """Its result is in, and was not there before."""
    DUPLICATE = "duplicate"
    """Its result was there already."""
    STALE = "stale"
    """The head has moved on: nobody needs it any more."""
    OLD = "old"
    """It was made from a φ that has moved on too far since, and is made again."""
    STOPPED = "stopped"
    """Its run is over."""
    WAITING = "waiting"
    """Its episodes are not there yet; it is put back."""
    DAMAGED = "damaged"
    """Something it needs was damaged, and is made again."""
    BROKEN = "broken"
    """It broke off for a reason that another attempt may not meet."""
    INCAPABLE = "incapable"
    """This worker cannot do it; it is put back for one that can."""
    FAILED = "failed"
    """Its run cannot go on."""


class NotReadyError(PhiforgeError):
    """Raised when work cannot be done now, with what became of it; whoever needs it asks again."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.value)
