"""What a queue of runs costs a fleet, with ten runs that wait and with a thousand: requests, memory, the first result.

An embedded stack of two trainers on Redis and S3. A look is what one service does every ``PHIFORGE_RECONCILE_SECONDS``;
here one is taken by hand while the services stand still, so that nobody else asks.

    python -m benchmarks.queue [--few 10] [--many 1000] [--output docs/results/queue.md]
"""

import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.entry import Entry
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge.runs.waiting.policy import Policy, write_policy
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.steering import start
from phiforge_client.submission import submit
from phiforge_client.view import all_views
from phiforge_evaluator.collector import RunCollector

TRAINERS = 2
VERSIONS = 200
LOOKS = 5

PAGE = """# A queue of runs

`python -m benchmarks.queue --few {few} --many {many}` writes this page: an embedded stack (Redis, SeaweedFS, {trainers}
trainers, one sampler, one evaluator), runs of second-order MAML on sinusoids of {versions} versions. One run is active
and the others wait; "all at once" is the same runs without a queue (`phiforge queue --at-once`)."""

NOTES = """A look is one `reconcile` of all runs, by one process, while no other is at it; its time is the median of
{looks}. What the first result took is from the moment that services go on, all runs submitted, to the first report."""


class Found(NamedTuple):
    """What so many runs cost."""

    waiting: int
    look: Counter[str]
    look_seconds: float
    scrape: Counter[str]
    runs_seconds: float
    redis_bytes: int
    redis_keys: int
    first_result: float


class CountedStore:
    """A store that counts what it is asked."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*arguments: object) -> object:
            self.asked[f"store {name}"] += 1
            return found(*arguments)

        return call


def main() -> None:
    """Measure, print, and write the page."""
    arguments = parser(__doc__)
    arguments.add_argument("--few", type=int, default=10)
    arguments.add_argument("--many", type=int, default=1000)
    options = arguments.parse_args()
    cases = {
        f"{options.few} wait": (options.few, None),
        f"{options.many:,} wait": (options.many, None),
        f"{options.few}, all at once": (options.few, options.few + 1),
    }
    found = {}
    for name, (count, at_once) in cases.items():
        say(name)
        found[name] = measured(count, at_once)
    publish(page(found, options.few, options.many), options.output)


def measured(count: int, at_once: int | None) -> Found:
    """Return what ``count`` runs cost that wait for one, or that are active with it if ``at_once`` are."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        with own_stage(settings, TRAINERS, 0, 1.0, use_s3=True) as stage:
            platform = stage.platform
            if at_once:
                write_policy(platform.store, Policy(at_once))
            with standing(stage):
                first = submit(platform, small_run(VERSIONS))
                fill(platform, platform.run(first), count)
                start(platform)
                costs = costs_of(platform, count)
            return costs._replace(first_result=seconds_to_first(stage))


def fill(platform: Platform, model: RunRecord, count: int) -> None:
    """Queue ``count`` runs of the same spec, as ``submit`` does, but without looking after each whose turn it is."""
    line, begin = Line(platform.store, platform.exchange), platform.checkpoints.load(model.run, 0)
    for number in range(count):
        record = model._replace(run=f"{model.run}-{number:04d}")
        platform.record.create(record)
        platform.checkpoints.save(record.run, begin)
        line.put(Waiting(Entry.of(record, line.new_place()), Where.READY))


@contextmanager
def standing(stage: Stage) -> Iterator[None]:
    """Let the services stand still in this block."""
    pids = [service.process.pid for service in stage.own.services]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def costs_of(platform: Platform, count: int) -> Found:
    """Return what looking costs, and what Redis holds, while nothing moves."""
    reconcile_all(platform)
    seconds = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        reconcile_all(platform)
        seconds.append(time.perf_counter() - began)
    collector = RunCollector(platform)
    list(collector.collect())
    began = time.perf_counter()
    all_views(platform)
    runs_seconds = time.perf_counter() - began
    redis = platform.exchange.redis
    return Found(
        waiting=count,
        look=asked(platform, lambda: reconcile_all(platform)),
        look_seconds=sorted(seconds)[LOOKS // 2],
        scrape=asked(platform, lambda: list(collector.collect())),
        runs_seconds=runs_seconds,
        redis_bytes=redis.info("memory")["used_memory_dataset"],
        redis_keys=redis.dbsize(),
        first_result=0.0,
    )


def asked(platform: Platform, action: Callable[[], object]) -> Counter[str]:
    """Return what the store and Redis were asked for by ``action``."""
    counted, redis = CountedStore(platform.store), platform.exchange.redis
    platform.store = platform.record.store = counted
    redis.config_resetstat()
    action()
    platform.store = platform.record.store = counted._store
    stats = redis.info("commandstats").items()
    calls = Counter({f"Redis {name.removeprefix('cmdstat_')}": fields["calls"] for name, fields in stats})
    del calls["Redis config|resetstat"], calls["Redis config"]
    return counted.asked + calls


def seconds_to_first(stage: Stage) -> float:
    """Return how long it takes until one of the runs is complete."""
    began, record = time.monotonic(), stage.platform.record
    seen: set[str] = set()
    while not any(record.status(run) is RunStatus.COMPLETE for run in seen):
        time.sleep(0.1)
        stage.own.tend()
        seen.update(record.active())
    return time.monotonic() - began


def page(found: dict[str, Found], few: int, many: int) -> Iterator[str]:
    """Yield the page, line by line."""
    yield PAGE.format(few=few, many=many, trainers=TRAINERS, versions=VERSIONS)
    yield ""
    yield f"{machine()};"
    yield f"{versions()}."
    yield NOT_QUIET
    yield ""
    yield from table(["", *found], rows(list(found.values())))
    yield ""
    yield NOTES.format(looks=LOOKS)


def rows(found: list[Found]) -> Iterator[list[str]]:
    """Yield what is compared, a row each."""
    yield ["requests of a look to the store", *(str(total(each.look, "store")) for each in found)]
    yield ["commands of a look to Redis", *(str(total(each.look, "Redis")) for each in found)]
    yield ["scans of Redis in a look", *(str(each.look["Redis scan"]) for each in found)]
    yield ["time of a look", *(f"{1000 * each.look_seconds:.0f} ms" for each in found)]
    yield ["requests of a scrape to the store", *(str(total(each.scrape, "store")) for each in found)]
    yield ["commands of a scrape to Redis", *(str(total(each.scrape, "Redis")) for each in found)]
    yield ["`phiforge runs`", *(f"{each.runs_seconds:.2f} s" for each in found)]
    yield ["data in Redis", *(f"{each.redis_bytes / 1e6:.2f} MB" for each in found)]
    yield ["keys in Redis", *(str(each.redis_keys) for each in found)]
    yield ["first result after", *(f"{each.first_result:.1f} s" for each in found)]


def total(asked: Counter[str], of: str) -> int:
    """Return how often one of the two servers was asked."""
    return sum(count for name, count in asked.items() if name.startswith(of))


if __name__ == "__main__":
    main()
