"""Arithmetic beside the event loop: so many at once, and none for longer than a caller waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from phiforge_server.limits import Limits
from phiforge_server.refusals import RefusedError

T = TypeVar("T")
_QUEUE = 8
"""Requests a thread that may wait for their turn."""


class Work:
    """A few threads, and a short queue before them.

    Args:
        limits: say how many threads, and how long a caller waits.
    """

    def __init__(self, limits: Limits) -> None:
        self._threads = ThreadPoolExecutor(limits.at_once, "predict")
        self._patience, self._room = limits.patience_seconds, limits.at_once * (_QUEUE + 1)
        self._under_way = 0

    async def do(self, work: Callable[[], T]) -> T:
        """Return what ``work`` does in a thread; raises RefusedError if there is no room, or it takes too long."""
        if self._under_way >= self._room:
            raise RefusedError(503, "the service is busy: try again in a moment")
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._under_way += 1
        future.add_done_callback(lambda _: self._done())
        try:
            return await asyncio.wait_for(asyncio.shield(future), self._patience)
        except TimeoutError as error:
            future.cancel()
            raise RefusedError(504, f"no answer within {self._patience:.0f} seconds: send fewer pictures") from error

    def close(self) -> None:
        """Let what is under way end, and take no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _done(self) -> None:
        self._under_way -= 1
