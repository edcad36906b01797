"""What the pipeline costs: its tasks/s against that of as many bare processes that only compute.

Both compute the same gradients of the same episodes with one thread each, in turn, many times, by processes that stay:
each ratio is between neighbours of a few seconds. Also says where a trainer's time goes, from its /metrics, and what
each process takes of the processor a job: with as many trainers as cores, all that a server takes is taken from them.

    python -m benchmarks.pipeline [--versions 12] [--rounds 7] [--cases 2x4 2x16 2x16x2 1x16] [--output FILE]
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.bare import BareProcesses
from benchmarks.page import NOT_QUIET, machine, parser, publish, say, spread, table, versions
from benchmarks.processor import cpu_seconds
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import OBSERVED
from phiforge.spec.read import read_spec
from phiforge_client.servers import RedisServer, S3Server
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, submit

SPEC = Path("specs/omniglot-maml-5w1s.yaml")
WORKLOAD: Mapping[str, Mapping[str, int]] = {"task": {"n_query": 15}, "outer": {"meta_batch": 32}}
WARM_VERSIONS = 3
SETTLE_SECONDS = 2.0
"""For what trainers are still at when their run is cancelled."""

PHASES = ("read", "compute", "publish", "commit")
REST, BARE = "neither: waits for messages and for the other trainers", "a bare process"
IN_STEP = "the same ratio of bare processes that wait for each other after each version"

PAGE = """# What the pipeline costs

`python -m benchmarks.pipeline` writes this page: second-order MAML on Omniglot, 5-way 1-shot with 15 queries a class,
one inner step, meta-batches of 32, through trainers of one thread each on a real Redis and a real S3 server, against as
many bare processes that compute the same gradients of the same episodes and nothing else; {versions} versions each in
turn, {rounds} times, after {warm} that warm up. On as many cores as trainers, all that a server takes is taken from
them."""


class Case(NamedTuple):
    """How many trainers, how many tasks a job, and how stale a contribution may be: 0 is a synchronous run."""

    trainers: int
    job_size: int
    staleness: int = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what ``str`` gives."""
        return cls(*map(int, text.split("x")))

    def __str__(self) -> str:
        return "x".join(map(str, self if self.staleness else self[:2]))

    @property
    def title(self) -> str:
        """How a table calls it."""
        consistency = f", staleness {self.staleness}" if self.staleness else ""
        return f"{self.trainers} trainer{'s' * (self.trainers > 1)}, jobs of {self.job_size}{consistency}"


CASES = (Case(2, 4), Case(2, 16), Case(2, 16, 2), Case(1, 16))


@dataclass(frozen=True)
class Round:
    """Tasks per second of the pipeline and of bare processes, measured one after the other."""

    pipeline: float
    bare: float
    in_step: float
    """Of bare processes that wait for each other after every version, which all synchronous trainers must."""
    cpu_ms: Mapping[str, float]
    """Milliseconds of a core a job, by kind of process; ``bare`` is what the arithmetic alone takes."""
    clock_ms: Mapping[str, float]
    """Milliseconds of the clock a version: of a trainer by phase, which add up to all of it, and of a bare process."""

    @property
    def ratio(self) -> float:
        """What share of the bare rate comes through."""
        return self.pipeline / self.bare

    @property
    def ratio_in_step(self) -> float:
        """What share of the bare rate comes through where bare processes wait for each other, and do nothing else."""
        return self.in_step / self.bare


Rounds = Mapping[Case, Sequence[Round]]


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--versions", type=int, default=12, help="measured versions a round")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--cases", type=Case.read, nargs="+", default=CASES, help="TRAINERSxTASKS-A-JOB[xSTALENESS]")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, S3Server(Path(folder) / "s3", Path(folder) / "s3.log") as s3:
        rounds = {
            case: list(measured(case, options.rounds, options.versions, Path(folder) / str(case), s3))
            for case in options.cases
        }
    publish(written(options.versions, rounds), options.output)


def measured(case: Case, rounds: int, count: int, home: Path, s3: S3Server) -> Iterator[Round]:
    """Measure a case on a stack of its own, round by round: ``count`` versions of a run, then the bare processes."""
    redis = RedisServer(home / "redis.sock", home / "redis.log")
    settings = Settings(
        home=home,
        redis_url=redis.url,
        store_url="s3://phiforge",
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        keep_episodes="all",
    )
    home.mkdir()
    with redis, Stack(settings, case.trainers) as stack, BareProcesses(settings, case.trainers) as bare:
        platform = Platform.open(settings)
        processes = {"Redis": [redis.pid], "S3": [s3.pid]}
        for service in stack.services:
            processes.setdefault(service.name.partition("-")[0], []).append(service.process.pid)
        for number in range(rounds):
            say(f"{case.title}: round {number + 1} of {rounds}")
            yield round_of(case, count, platform, Measured(stack, processes), bare, steps_first=number % 2 == 1)
        platform.close()


class Measured(NamedTuple):
    """What a round looks at: a stack, and its processes by kind, with its servers'."""

    stack: Stack
    processes: Mapping[str, Sequence[int]]


def round_of(
    case: Case, count: int, platform: Platform, of: Measured, bare: BareProcesses, *, steps_first: bool
) -> Round:
    """Measure ``count`` versions of a new run, and the same by bare processes, in step and not, in either order."""
    versions = range(WARM_VERSIONS, WARM_VERSIONS + count)
    run = submit(platform, raw_spec(case, versions.stop + 1))
    wait_for(platform, run, versions.start)
    used, spent = core_seconds(of.processes), phase_seconds(of.stack)
    wait_for(platform, run, versions.stop)
    used = {name: after - used[name] for name, after in core_seconds(of.processes).items()}
    spent = {phase: after - spent[phase] for phase, after in phase_seconds(of.stack).items()}
    seconds = seconds_between(platform, run, versions.start, versions.stop)
    cancel(platform, run)
    time.sleep(SETTLE_SECONDS)
    in_step = bare.compute(run, versions, in_step=True) if steps_first else None
    alone = bare.compute(run, versions)
    in_step = in_step or bare.compute(run, versions, in_step=True)
    outer = platform.run(run).spec.outer
    spent[REST] = case.trainers * seconds - sum(spent.values())
    cpu_ms = {name: 1000 * each / (count * outer.jobs) for name, each in (used | {"bare": alone.core_seconds}).items()}
    clock_ms = {phase: 1000 * each / (count * case.trainers) for phase, each in spent.items()}
    clock_ms[BARE] = 1000 * alone.seconds / count
    pipeline, free, stepping = (count * outer.tasks / each for each in (seconds, alone.seconds, in_step.seconds))
    return Round(pipeline, free, stepping, cpu_ms, clock_ms)


def core_seconds(processes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Return the seconds of a core that each kind of process has taken so far."""
    return {name: sum(map(cpu_seconds, pids)) for name, pids in processes.items()}


def raw_spec(case: Case, total: int) -> dict[str, Any]:
    """Return a raw spec of ``total`` versions that is never validated on the way."""
    raw = read_spec(SPEC)
    raw |= {section: raw[section] | values for section, values in WORKLOAD.items()}
    raw["outer"] |= {"job_size": case.job_size, "versions": total}
    if case.staleness:
        raw |= {"consistency": "bounded_staleness", "staleness": case.staleness}
    raw["evaluation"] = raw["evaluation"] | {"every": 10 * total, "validation_tasks": 2, "test_tasks": 2}
    return raw


def wait_for(platform: Platform, run: str, version: int) -> None:
    """Wait until ``version`` is committed, looking seldom: each look takes of the cores that are measured."""
    while (state := platform.exchange.state(run)) is None or state.head < version:
        time.sleep(0.25)


def seconds_between(platform: Platform, run: str, first: int, last: int) -> float:
    """Return the time from one version's commit to another's, as the trainers wrote it down."""
    log = platform.exchange.log(run)
    began, ended = (json.loads(log[version])[OBSERVED]["committed_at"] for version in (first, last))
    return float(ended - began)


def phase_seconds(stack: Stack) -> dict[str, float]:
    """Return the seconds that all trainers together have spent in each phase so far."""
    found = dict.fromkeys(PHASES, 0.0)
    pages = [page for name, page in stack.metrics().items() if name.startswith("trainer")]
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == "phiforge_job_seconds_sum" and sample.labels["phase"] in found:
                    found[sample.labels["phase"]] += sample.value
    return found


def written(count: int, rounds: Rounds) -> Iterator[str]:
    """Yield the page, line by line."""
    yield PAGE.format(rounds=len(next(iter(rounds.values()))), versions=count, warm=WARM_VERSIONS)
    yield from ("", f"{machine()};", f"{versions()}.", NOT_QUIET, "")
    yield "Tasks a second, median (lowest to highest):"
    yield ""
    columns = ("", *(case.title for case in rounds))
    yield from table(
        columns,
        (
            ("pipeline", *(spread([each.pipeline for each in found]) for found in rounds.values())),
            ("bare processes", *(spread([each.bare for each in found]) for found in rounds.values())),
            ("ratio of neighbours", *(spread([each.ratio for each in found]) for found in rounds.values())),
            (IN_STEP, *(spread([each.ratio_in_step for each in found]) for found in rounds.values())),
        ),
    )
    yield from efficiency(rounds)
    yield from ("", "Where a trainer's time goes, ms of the clock a version, beside all of a bare process's:", "")
    yield from table(columns, per_case(rounds, (*PHASES, REST, BARE), lambda each: each.clock_ms))
    yield from ("", "Ms of a core a job; `bare` is what the arithmetic alone takes, `trainer` is all trainers:", "")
    names = next(iter(rounds.values()))[0].cpu_ms
    yield from table(columns, per_case(rounds, tuple(names), lambda each: each.cpu_ms))


def efficiency(rounds: Rounds) -> Iterator[str]:
    """Say what share of a second trainer's worth comes through, beside that of a second bare process."""
    for case in rounds:
        alone = case._replace(trainers=1)
        if case.trainers > 1 and alone in rounds:
            ratio, ratio_alone = (statistics.median(each.ratio for each in rounds[which]) for which in (case, alone))
            yield ""
            yield (
                f"From 1 to {case.trainers} trainers, jobs of {case.job_size}: the pipeline grows by "
                f"{ratio / ratio_alone:.3f} of what bare processes grow by (ratio of the medians above)."
            )


def per_case(rounds: Rounds, names: Sequence[str], of: Callable[[Round], Mapping[str, float]]) -> Iterator[list[str]]:
    """Yield a row a name: its medians by case."""
    for name in names:
        medians = (statistics.median(of(each)[name] for each in found) for found in rounds.values())
        yield [name, *(f"{median:.1f}" for median in medians)]


if __name__ == "__main__":
    main()
