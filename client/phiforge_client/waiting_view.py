"""What is said of runs that wait for their turn."""

from collections.abc import Iterable
from typing import NamedTuple

from phiforge.runs.platform import RunPlatform
from phiforge.runs.waiting.line import Waiting, Where, entries
from phiforge_client.run_view import RunView

QUEUED = "queued"


class Turn(NamedTuple):
    """A run's entry in the queue, and how many runs come before it."""

    waiting: Waiting
    ahead: int

    @property
    def words(self) -> str:
        """What the run waits for."""
        if self.waiting.where is Where.HELD:
            return f"{QUEUED}, held"
        if self.waiting.where is Where.AFTER:
            return f"{QUEUED}, after {self.waiting.behind}"
        return f"{QUEUED}, {self.ahead} ahead" if self.ahead else f"{QUEUED}, next"


def turns_of(platform: RunPlatform) -> dict[str, Turn]:
    """Return the turn of every run that waits, by run: one request to the store for a thousand of them."""
    return turns(entries(platform.store))


def turns(listed: Iterable[Waiting]) -> dict[str, Turn]:
    """Return turns by run, of entries as the queue lists them."""
    found: dict[str, Turn] = {}
    ahead = 0
    for waiting in listed:
        if waiting.run not in found:  # of a move that broke off the first counts: what is held stays held
            ready = waiting.where is Where.READY
            found[waiting.run] = Turn(waiting, ahead if ready else 0)
            ahead += ready
    return found


def view_of_turn(turn: Turn) -> RunView:
    """Return what is shown of a run that waits."""
    entry = turn.waiting.entry
    return RunView(
        run=entry.run,
        status=turn.words,
        version=None,
        versions=entry.versions,
        tasks_per_second=0.0,
        loss=None,
        accuracy=None,
        accuracy_ci95=0.0,
        split="validation",
        seconds_left=None,
        created_at=entry.created_ms / 1000,
        labels=entry.labels,
    )


def words_of(platform: RunPlatform, run: str) -> str | None:
    """Return what ``run``, which is not over, waits for; None if it does not wait."""
    if platform.record.is_active(run):
        return None
    turn = turns_of(platform).get(run)
    return turn.words if turn else None
