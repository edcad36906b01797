"""A long run under faults: whether any process, Redis or the object storage grows beyond what the policy keeps.

One run of second-order MAML on sinusoids, three trainers, a real Redis and a real S3 server behind a fault proxy. A
fault of a seeded schedule befalls it every few seconds; now and then one is a kill. Every ten seconds the resident
memory of each process is read, and what Redis and the store hold is counted. At the end the last interval is verified.

    python -m benchmarks.soak [--minutes 30] [--seed 0] [--output docs/results/soak.md]
"""

import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis
from rich.console import Console

from benchmarks.page import parser, publish, table
from phiforge.base.errors import ServiceError, StoreError
from phiforge.base.settings import Settings
from phiforge.runs.record import RunStatus
from phiforge_client.chaos.faults import KINDS
from phiforge_client.chaos.schedule import schedule
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.submission import cancel, submit
from phiforge_client.verification import verify

TRAINERS = 3
OUTAGE_SECONDS = 4.0
CALM_SECONDS = 6.0
"""Between two faults."""
SAMPLE_SECONDS = 10.0
WARM_SECONDS = 180.0
"""A process's age from which its memory should not grow: it has met every kind of message by then."""
MOST_STILL_SECONDS = 90.0
CHECKPOINTS = 5
KILLS = ("kill-trainer", "kill-sampler", "kill-evaluator", "kill-at-point", "kill-store", "zombie")
GENTLE = 4
"""How many times as often as the kinds that end a process the others come: memory needs processes that live."""

PAGE = """# A long run under faults

Written by `python -m benchmarks.soak --minutes {minutes:g} --seed {seed}`: one run of second-order MAML on sinusoids,
{trainers} trainers, a real Redis and a real S3 server behind a fault proxy, a fault every few seconds. Of each process
that lived long enough: the median of the minute after its first {warm:g} minutes, and of its last minute.

{versions:,} versions, {count} faults in {minutes:g} minutes; the run never stood still for longer than {still:.0f} s,
outages not counted. The last interval computed again at the end: {verified}.

Faults: {faults}.
"""


@dataclass
class Series:
    """What one process or server held over time: (seconds since it was first seen, value)."""

    points: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None

    def add(self, now: float, value: float) -> None:
        """Note ``value`` at ``now``."""
        self.since = now if self.since is None else self.since
        self.points.append((now - self.since, value))

    def warm_and_last(self) -> tuple[float, float] | None:
        """Return the medians of the minute after warm-up and of the last minute; None if they are not two minutes."""
        end = self.points[-1][0]
        if end < WARM_SECONDS + 120:
            return None
        warm = [value for age, value in self.points if WARM_SECONDS <= age < WARM_SECONDS + 60]
        last = [value for age, value in self.points if age > end - 60]
        return statistics.median(warm), statistics.median(last)


@dataclass
class Ledger:
    """All that was seen."""

    memory: dict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    held: dict[str, Series] = field(default_factory=lambda: defaultdict(Series))
    faults: Counter[str] = field(default_factory=Counter)
    versions: int = 0
    longest_still: float = 0.0
    verified: str = ""


def main() -> None:
    """Soak, print, and write the page."""
    arguments = parser(__doc__)
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", keep_checkpoints=CHECKPOINTS)
        with own_stage(settings, TRAINERS, options.seed, OUTAGE_SECONDS, use_s3=True) as stage:
            ledger = soak(stage, options.seed, 60 * options.minutes, Console())
    publish(report(ledger, options.minutes, options.seed), options.output)


def soak(stage: Stage, seed: int, seconds: float, console: Console) -> Ledger:
    """Let faults befall one run for ``seconds``; raises ServiceError if it stands still."""
    run = submit(stage.platform, long_run())
    ledger, started, sampled = Ledger(), time.monotonic(), 0.0
    with stage.watching(run, MOST_STILL_SECONDS) as watchdog:
        for kind in kinds(stage, seed):
            calm = time.monotonic() + CALM_SECONDS
            while time.monotonic() < calm:
                if (status := stage.look()) is not RunStatus.RUNNING:
                    raise ServiceError(f"the run is {status}: {stage.platform.record.end_reason(run, status)}")
                if time.monotonic() - sampled > SAMPLE_SECONDS:
                    sampled = time.monotonic()
                    sample(stage, ledger, sampled - started)
            if time.monotonic() - started > seconds:
                break
            KINDS[kind].inject(stage)
            ledger.faults[kind] += 1
            console.print(f"{time.monotonic() - started:6.0f} s  version {watchdog.head}  {kind}", highlight=False)
        ledger.versions, ledger.longest_still = watchdog.head, watchdog.longest
    cancel(stage.platform, run)
    found = verify(stage.platform, run)
    ledger.verified = f"{len(found.versions)} versions, {len(found.differences)} differences"
    return ledger


def long_run() -> Mapping[str, object]:
    """Return a spec that does not end by itself."""
    raw = small_run(1_000_000, checkpoint_every=50)
    raw["evaluation"] = raw["evaluation"] | {"every": 500}
    return raw


def kinds(stage: Stage, seed: int) -> Iterator[str]:
    """Yield kinds of faults without end, those that end a process seldom."""
    possible = [name for name, kind in KINDS.items() if kind.possible(stage)]
    weighted = [name for name in possible for _ in range(1 if name in KILLS else GENTLE) if name != "kill-everything"]
    for [injection] in schedule(seed, weighted, 1, 1):
        yield injection.kind


def sample(stage: Stage, ledger: Ledger, now: float) -> None:
    """Add a point to every series; a server that is away just now has none."""
    for service in stage.own.services:
        if held := resident(service.process.pid):
            ledger.memory[f"{service.name}, process {service.process.pid}"].add(now, held)
    store, run = stage.platform.store, stage.run
    with suppress(redis.RedisError, StoreError):
        client = stage.platform.exchange.redis
        ledger.held["Redis: bytes"].add(now, client.info("memory")["used_memory"])
        ledger.held["Redis: keys"].add(now, client.dbsize())
        ledger.held["store: episode files"].add(now, sum(1 for _ in store.list(f"runs/{run}/episodes/")))
        ledger.held["store: checkpoints"].add(now, len(stage.platform.record.checkpoints(run)))


def resident(pid: int) -> int | None:
    """Return the bytes of memory that a process holds, None if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), None)


def report(ledger: Ledger, minutes: float, seed: int) -> Iterator[str]:
    """Yield the page, line by line."""
    yield PAGE.format(
        minutes=minutes,
        seed=seed,
        trainers=TRAINERS,
        warm=WARM_SECONDS / 60,
        versions=ledger.versions,
        count=sum(ledger.faults.values()),
        still=ledger.longest_still,
        verified=ledger.verified,
        faults=", ".join(f"{kind} {count}" for kind, count in sorted(ledger.faults.items())),
    )
    memory = (_row(name, series) for name, series in ledger.memory.items())
    held = (_held_row(name, series) for name, series in ledger.held.items())
    yield from table(("memory of", "minutes", "warm, MB", "at the end, MB", "growth"), filter(None, memory))
    yield ""
    yield from table(("held", "warm", "at the end", "most"), filter(None, held))


def _row(name: str, series: Series) -> tuple[str, ...] | None:
    if not (medians := series.warm_and_last()):
        return None
    warm, last = (value / 1e6 for value in medians)
    return name, f"{series.points[-1][0] / 60:.0f}", f"{warm:.0f}", f"{last:.0f}", f"{last / warm - 1:+.1%}"


def _held_row(name: str, series: Series) -> tuple[str, ...] | None:
    if not (medians := series.warm_and_last()):
        return None
    most = max(value for _, value in series.points)
    return name, *(f"{value:,.0f}" for value in (*medians, most))


if __name__ == "__main__":
    main()
