"""How many workers the protocol carries: jobs that only wait, as long as a GPU would compute, and contribute 450 KB.

Workers are threads of one process; Redis, the exchange, reduction, commit and checkpoints are the real ones. Messages
go through Redis lists by themselves, without Celery, whose cost a worker bears alone (``benchmarks/pipeline.py``).
Prints steps/s against the ideal (as many jobs at once as there are workers, nothing else to do), and the processor time
that each component takes a job, which says where the ceiling is however busy this machine was.

    python -m benchmarks.scale [--workers 2 8 32 64] [--milliseconds 100 500] [--seconds 6] [--output FILE]
"""

import json
import tempfile
import threading
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from benchmarks.processor import cpu_seconds
from phiforge.base.canonical import sha256_hex
from phiforge.base.settings import Settings
from phiforge.fleet.memory import keep_freed_memory
from phiforge.fleet.platform import Platform
from phiforge.learning.estimators import Contribution
from phiforge.runs.commit_log import Origin
from phiforge.runs.datasets import prepare
from phiforge.runs.learners import initial_phi
from phiforge.runs.steps import State
from phiforge.runs.submitted import RunRecord
from phiforge_client.servers import RedisServer
from phiforge_client.submission import checked_record, enqueue, first_checkpoint
from phiforge_trainer.head import Place
from phiforge_trainer.worker import Trainer

_LIST = "scale.training"


class Outcome(NamedTuple):
    """What one configuration did: steps a second and how many were ideal; milliseconds of a core a job."""

    steps: float
    ideal: float
    redis_ms: float
    workers_ms: float


class Lists:
    """The queue as plain Redis lists: jobs go to whichever worker is free, everything else is dropped."""

    def __init__(self, platform: Platform) -> None:
        self.redis = platform.exchange.redis
        self.serves_on = True

    def name(self, _: str) -> str:
        """Return which list jobs wait in."""
        return _LIST

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return int(self.redis.llen(_LIST))

    def train(self, run: str, version: int, job: int) -> None:
        """Ask for a job."""
        self.redis.lpush(_LIST, json.dumps([run, version, job]))

    def train_together(self, run: str, jobs: Iterable[tuple[int, int]]) -> None:
        """Ask for several jobs."""
        if asked := [json.dumps([run, *each]) for each in jobs]:
            self.redis.lpush(_LIST, *asked)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class StandIn(Trainer):
    """A trainer that waits instead of computing, and contributes the same whatever it was asked."""

    def __init__(self, platform: Platform, seconds: float, payload: bytes) -> None:
        super().__init__(platform)
        self.seconds, self.payload = seconds, payload

    def work(self, record: RunRecord, state: State, version: int, job: int) -> tuple[bytes, Origin]:
        """Take φ, wait, and contribute."""
        self.head.phi_on_device(Place.of(record.run, state))
        time.sleep(self.seconds)
        return self.payload, Origin(sha256_hex(self.payload), "none", self.name, self.seconds)


PAGE = """# Stand-in jobs

`python -m benchmarks.scale` writes this page: jobs that sleep as long as a GPU would compute, one a worker and version,
workers as threads of one Python process, {seconds:g} s each; φ and each contribution {kilobytes:.0f} kB, Adam. The
ideal is one step a job's time. Milliseconds are of a core, per job."""
COLUMNS = ("consistency", "workers", "job, ms", "steps/s", "ideal", "share", "Redis, ms/job", "workers, ms/job")


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64])
    arguments.add_argument("--milliseconds", type=int, nargs="+", default=[100, 200, 500])
    arguments.add_argument("--seconds", type=float, default=6.0, help="of each configuration")
    options = arguments.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder) / "r.sock", Path(folder) / "redis.log")
        with server:
            platform = Platform.open(Settings(home=Path(folder), redis_url=server.url))
            kilobytes = len(contribution_of(submitted(platform, 1, None))) / 1000
            cases = list(product((None, 2), options.workers, options.milliseconds))
            rows = [row(platform, server.pid, options.seconds, *case) for case in cases]
    head = PAGE.format(seconds=options.seconds, kilobytes=kilobytes)
    publish([head, "", f"{machine()};", f"{versions()}.", NOT_QUIET, "", *table(COLUMNS, rows)], options.output)


def row(
    platform: Platform, redis: int, duration: float, staleness: int | None, workers: int, milliseconds: int
) -> tuple[str, ...]:
    """Return what one configuration did, as a row."""
    found = measure(platform, redis, workers, milliseconds / 1000, duration, staleness)
    cells = (
        "synchronous" if staleness is None else f"staleness {staleness}",
        str(workers),
        str(milliseconds),
        f"{found.steps:.2f}",
        f"{found.ideal:.2f}",
        f"{found.steps / found.ideal:.0%}",
        f"{found.redis_ms:.2f}",
        f"{found.workers_ms:.2f}",
    )
    say(" ".join(cells))
    return cells


def contribution_of(record: RunRecord) -> bytes:
    """Return what every job contributes: nothing, in as many bytes as something."""
    values = {name: torch.zeros_like(value) for name, value in initial_phi(record).items()}
    return Contribution({"loss": 1.0, "accuracy": 0.5}, 1, values).to_bytes()


def measure(
    platform: Platform, redis: int, workers: int, seconds: float, duration: float, staleness: int | None
) -> Outcome:
    """Let ``workers`` take jobs that last ``seconds``, for ``duration`` seconds."""
    record = submitted(platform, workers, staleness)
    payload = contribution_of(record)
    lists: Any = Lists(platform)
    platform.exchange.redis.delete(_LIST)
    platform = Platform(platform.settings, platform.store, platform.exchange, lists)
    run = enqueue(platform, record, first_checkpoint(record))
    threads = [
        threading.Thread(target=serve, args=(StandIn(platform, seconds, payload), lists)) for _ in range(workers)
    ]
    for thread in threads:
        thread.start()
    before = clocks(platform, run, redis, next_after=2)
    time.sleep(duration)
    after = clocks(platform, run, redis, next_after=head(platform, run))
    lists.serves_on = False
    for thread in threads:
        thread.join()
    platform.exchange.forget(run)
    elapsed, steps, redis_cpu, own_cpu = (late - early for early, late in zip(before, after, strict=True))
    jobs = max(1, steps) * workers
    return Outcome(steps / elapsed, 1 / seconds, 1000 * redis_cpu / jobs, 1000 * own_cpu / jobs)


def submitted(platform: Platform, workers: int, staleness: int | None) -> RunRecord:
    """Return a run of one job a worker and version."""
    raw: dict[str, Any] = {
        "data": {"name": "glyphs", "drawings": 6, "image_size": 28},
        "learner": {"name": "maml", "network": {"name": "conv4", "channels": 64}},
        "outer": {"versions": 100_000, "meta_batch": workers, "job_size": 1},
        "checkpoint": {"every": 100_000},
        "evaluation": {"every": 100_000},
        "numerics": {"engine": "torch"},
    }
    if staleness is not None:
        raw |= {"consistency": "bounded_staleness", "staleness": staleness}
    return checked_record(raw, lambda data: prepare(data, platform.settings, platform.store, None), "cpu")


def serve(trainer: StandIn, lists: Lists) -> None:
    """Take jobs until told to stop."""
    while lists.serves_on:
        if taken := lists.redis.brpop(_LIST, timeout=1):
            run, version, job = json.loads(taken[1])
            trainer.handle(run, version, job, sent_at=time.time())


def clocks(platform: Platform, run: str, redis: int, next_after: int) -> tuple[float, int, float, float]:
    """Return time, version, and processor time of Redis and of the workers, at the next commit."""
    while (version := head(platform, run)) <= next_after:
        time.sleep(0.005)
    return time.perf_counter(), version, cpu_seconds(redis), time.process_time()


def head(platform: Platform, run: str) -> int:
    """Return the newest version."""
    state = platform.exchange.state(run)
    return state.head if state else -1


if __name__ == "__main__":
    main()
