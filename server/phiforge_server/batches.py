"""Requests of one task that wait for their turn at the same time are computed as one."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from phiforge.base.errors import PhiforgeError
from phiforge_server.limits import Limits
from phiforge_server.work import Work

Answer = dict[str, Any]
Answers = Sequence[Answer | PhiforgeError]


class Asked(NamedTuple):
    """One request: the names and bytes of its pictures, and how many support pictures it wants to see beside each."""

    names: Sequence[str]
    pictures: Sequence[bytes]
    nearest: int = 0

    @property
    def size(self) -> int:
        """Bytes of its pictures."""
        return sum(map(len, self.pictures))


class Batch:
    """Requests that are computed together; ``answers`` has one for each, in order."""

    answers: asyncio.Task[Answers]

    def __init__(self, first: Asked) -> None:
        self.asked = [first]

    @property
    def pictures(self) -> int:
        """How many pictures all of them have."""
        return sum(len(each.pictures) for each in self.asked)

    @property
    def size(self) -> int:
        """Bytes of all their pictures."""
        return sum(each.size for each in self.asked)


class Batches:
    """Lets a request join those of its task that have not begun.

    Args:
        work: where batches wait and are computed.
        compute: answers the requests of a task, each by what it gets or by its own error.
        limits: what one request may have, which all that are computed together may have too; and whether requests
            may join at all; else each is a batch of its own.
    """

    def __init__(self, work: Work, compute: Callable[[str, Sequence[Asked]], Answers], limits: Limits) -> None:
        self._work, self._compute, self._limits = work, compute, limits
        self._open: dict[str, Batch] = {}
        self._lock = threading.Lock()

    async def do(self, task: str, asked: Asked) -> Answer:
        """Return the answer for one request; raises its own error, or RefusedError where its batch finds no room."""
        batch, place = self._joined(task, asked)
        answer = (await asyncio.shield(batch.answers))[place]
        if isinstance(answer, PhiforgeError):
            raise answer
        return answer

    def _joined(self, task: str, asked: Asked) -> tuple[Batch, int]:
        with self._lock:
            batch = self._open.get(task)
            if batch and self._fits(batch, asked):
                batch.asked.append(asked)
                return batch, len(batch.asked) - 1
            batch = Batch(asked)
            if self._limits.batching:
                self._open[task] = batch
        batch.answers = asyncio.create_task(self._work.do(lambda: self._answered(task, batch)))
        batch.answers.add_done_callback(lambda done: self._ended(task, batch, done))
        return batch, 0

    def _fits(self, batch: Batch, asked: Asked) -> bool:
        pictures, size = batch.pictures + len(asked.pictures), batch.size + asked.size
        return pictures <= self._limits.pictures and size <= self._limits.request_bytes

    def _answered(self, task: str, batch: Batch) -> Answers:
        """Compute a batch, which nobody joins from here on."""
        self._close(task, batch)
        return self._compute(task, batch.asked)

    def _ended(self, task: str, batch: Batch, done: asyncio.Task[Answers]) -> None:
        self._close(task, batch)  # also one that found no room
        if not done.cancelled():
            done.exception()  # told to whoever still waits

    def _close(self, task: str, batch: Batch) -> None:
        with self._lock:
            if self._open.get(task) is batch:
                del self._open[task]
