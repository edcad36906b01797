"""What is computed together has no more pictures, and no more bytes, than one request may have."""

import asyncio
import threading

from phiforge_server.batches import Asked, Batches
from phiforge_server.limits import Limits
from phiforge_server.work import Work


def batches_of(requests: list[Asked], limits: Limits) -> list[int]:
    """Return how many requests were computed in each batch, if all come while the one thread is busy."""
    found: list[int] = []

    def compute(task: str, asked: list[Asked]) -> list[dict[str, int]]:
        found.append(len(asked))
        return [{} for _ in asked]

    async def asking() -> None:
        work, free = Work(limits), threading.Event()
        busy = asyncio.create_task(work.do(free.wait))
        await asyncio.sleep(0.01)
        batches = Batches(work, compute, limits)
        waiting = [asyncio.create_task(batches.do("task", each)) for each in requests]
        await asyncio.sleep(0.01)
        free.set()
        await asyncio.gather(busy, *waiting)
        work.close()

    asyncio.run(asking())
    return found


def test_a_batch_is_bounded_by_bytes_too() -> None:
    # Given small requests that wait, I expect one batch; of large ones, as many as have the bytes of one request.
    limits = Limits(request_bytes=1000)
    assert batches_of([Asked(["a"], [b"x" * 10])] * 6, limits) == [6]
    assert batches_of([Asked(["a"], [b"x" * 400])] * 6, limits) == [2, 2, 2]


def test_a_batch_is_bounded_by_pictures() -> None:
    # Given room for 3 pictures, if requests of 2 come, I expect each to be a batch of its own.
    assert batches_of([Asked(["a", "b"], [b"x", b"y"])] * 3, Limits(pictures=3)) == [1, 1, 1]
