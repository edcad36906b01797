"""What a service of predictions carries: requests a second and how long they take, with and without batching.

One process serves, as `phiforge serve` does; another calls it, with as many clients as are said, each of which asks
again as soon as it has its answer. What a model answers does not matter here, so φ is not trained.

    python -m benchmarks.serving [--seconds 10] [--output docs/results/serving.md]
"""

import io
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import urllib3
from PIL import Image

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from phiforge.base.settings import Settings
from phiforge.prediction.following import Followed
from phiforge.runs.checkpoints import Checkpoints
from phiforge.runs.datasets import prepare
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.runs.submission import first_checkpoint
from phiforge_client.processes import free_port
from phiforge_client.submission import checked_record
from phiforge_server.limits import Limits
from phiforge_server.serving import serve

CLIENTS = (1, 8, 32)
POOL = urllib3.PoolManager(timeout=600.0)
SIDE = 96
NETWORK = {"name": "conv4", "channels": 64}
LEARNERS: dict[str, dict[str, Any]] = {
    "ProtoNet": {"name": "prototypical", "network": NETWORK | {"norm": "running"}},
    "MAML": {"name": "maml", "inner_steps": 5, "network": NETWORK | {"norm": "running"}},
}

PAGE = """# Predictions over HTTP

`python -m benchmarks.serving --seconds {seconds:g}` writes this page: one `phiforge serve` process on a folder, and so
many clients in another process, each with one request under way. Every request is a PNG of {side} x {side} pixels for a
task of 5 classes with 5 pictures each (Conv-4 of 64 filters, 28 x 28). Batching: requests of one task that wait at the
same time are computed as one."""

NOTES = """Refused: answers that ask to come again, as only a few requests may wait; a client then waits 5 ms. Times are
of requests that were answered. To make a task is to decode 25 pictures, adapt and write it down; its calibration was
known."""


class Case(NamedTuple):
    """What is asked."""

    learner: str
    what: str
    clients: int
    batching: bool


class Found(NamedTuple):
    """What came of it: seconds of every request that was answered, how many were refused, and how long all took."""

    seconds: list[float]
    refused: int
    wall: float


Call = Callable[[urllib3.PoolManager], int]
"""Sends one request and returns its status."""


def main() -> None:
    """Measure, print, and write the page."""
    arguments = parser(__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0, help="of each row")
    options = arguments.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder) / "store")
        runs = {name: submitted(store, name, learner) for name, learner in LEARNERS.items()}
        for batching in (False, True):
            with serving(store, list(runs.values()), batching) as url:
                for case, call in cases(url, runs, batching):
                    say(str(case))
                    found[case] = measured(call, case.clients, options.seconds)
    publish(page(found, options.seconds), options.output)


def submitted(store: LocalStore, name: str, learner: dict[str, Any]) -> str:
    """Write a run down with the φ that it begins with, and return its id."""
    raw = {"name": name.lower(), "data": {"name": "glyphs", "drawings": 8}, "learner": learner}
    record = checked_record(raw, lambda data: prepare(data, Settings(), store), "cpu")
    Record(store).create(record)
    Checkpoints(Record(store)).save(record.run, first_checkpoint(record))
    return record.run


@contextmanager
def serving(store: LocalStore, runs: Sequence[str], batching: bool) -> Iterator[str]:
    """Serve runs in a process of its own, and yield its address."""
    port = free_port()
    arguments = (store.url.removeprefix("file://"), list(runs), port, batching)
    process = multiprocessing.get_context("spawn").Process(target=serve_runs, args=arguments)
    process.start()
    pool, url = urllib3.PoolManager(), f"http://127.0.0.1:{port}"
    try:
        while not answers(pool, url):
            if not process.is_alive():
                raise SystemExit("the service ended before it answered")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.join()


def serve_runs(folder: str, runs: Sequence[str], port: int, batching: bool) -> None:
    """Be the service."""
    import torch

    torch.set_num_threads(1)
    store = LocalStore(Path(folder))
    limits = Limits(batching=batching, patience_seconds=600.0)
    serve([Followed(store, run) for run in runs], store, "127.0.0.1", port, "", limits)


def answers(pool: urllib3.PoolManager, url: str) -> bool:
    """Say whether a service answers yet."""
    try:
        return bool(pool.request("GET", f"{url}/healthz", retries=False).status == 200)
    except urllib3.exceptions.HTTPError:
        return False


def cases(url: str, runs: dict[str, str], batching: bool) -> Iterator[tuple[Case, Call]]:
    """Yield what is asked of a service, and how."""
    support = [(f"class {number % 5}", (f"{number}.png", picture(number))) for number in range(25)]
    for name, run in runs.items():
        made = POOL.request("POST", f"{url}/tasks?model={run}", fields=support).json()
        asking = caller(f"{url}/tasks/{made['task']}/predictions", [("picture", ("x.png", picture(99)))])
        for clients in CLIENTS if name == "ProtoNet" else CLIENTS[1:2]:
            yield Case(name, "one picture", clients, batching), asking
    if batching:
        yield Case("ProtoNet", "a task", 1, batching), caller(f"{url}/tasks?model={runs['ProtoNet']}", support)


def caller(url: str, fields: Any) -> Call:
    """Return who sends these files there."""
    body, kind = urllib3.encode_multipart_formdata(fields)
    headers = {"content-type": kind}
    return lambda pool: int(pool.request("POST", url, body=body, headers=headers, retries=False).status)


def picture(number: int) -> bytes:
    """Return a PNG of smooth noise."""
    noise = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((SIDE, SIDE)).save(buffer, "PNG")
    return buffer.getvalue()


def measured(call: Call, clients: int, seconds: float) -> Found:
    """Return what came of clients that ask again and again for so many seconds."""
    pool = urllib3.PoolManager(maxsize=clients)
    for _ in range(3):
        call(pool)
    took: list[float] = []
    refused: list[int] = []
    began = time.perf_counter()

    def ask() -> None:
        while (start := time.perf_counter()) < began + seconds:
            status = call(pool)
            if status in (200, 201):
                took.append(time.perf_counter() - start)
            else:
                refused.append(status)
                time.sleep(0.005)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    if others := set(refused) - {503}:
        raise SystemExit(f"the service answered {others}")
    return Found(took, len(refused), wall)


def page(found: dict[Case, Found], seconds: float) -> Iterator[str]:
    """Yield the page, line by line."""
    yield PAGE.format(seconds=seconds, side=SIDE)
    yield ""
    yield f"{machine()};"
    yield f"{versions()}."
    yield NOT_QUIET
    yield ""
    head = ["learner", "request", "clients", "batching", "requests/s", "p50, ms", "p99, ms", "refused"]
    yield from table(head, (row(*each) for each in found.items()))
    yield ""
    yield NOTES


def row(case: Case, found: Found) -> list[str]:
    """Return a row of the page."""
    cuts = statistics.quantiles(found.seconds, n=100)
    times = (f"{1000 * cuts[place]:.1f}" for place in (49, 98))
    rate = f"{len(found.seconds) / found.wall:,.0f}"
    yes = {True: "yes", False: "no"}
    return [case.learner, case.what, str(case.clients), yes[case.batching], rate, *times, f"{found.refused:,}"]


if __name__ == "__main__":
    main()
