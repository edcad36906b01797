"""What the pipeline costs: its tasks/s with two trainers against two bare processes that only compute.

Both compute the same gradients of the same episodes with one thread each, in turn, several times in one run; each
ratio is between neighbours. Also prints where a job's time goes, from the trainers' /metrics, and what each process
takes of the processor a job: with as many trainers as cores, whatever a server takes is taken from them.

    python -m benchmarks.pipeline [--spec specs/omniglot-maml-5w1s.yaml] [--versions 40] [--rounds 3] [--output FILE]
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import torch
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.page import NOT_QUIET, machine, parser, publish, spread, table, versions
from benchmarks.processor import cpu_seconds
from client.servers import RedisServer, S3Server
from client.stack import Stack
from client.submission import cancel, submit
from phiforge.episodes import EpisodeBatch
from phiforge.memory import keep_freed_memory
from phiforge.platform import Platform, learner_of
from phiforge.record import training_episodes_key
from phiforge.settings import Settings
from phiforge.spec.read import read_spec
from trainer.estimators import Step
from trainer.local_steps import estimator_of

TRAINERS = 2
WARM_VERSIONS = 5
PHASES = ("queue_wait", "read", "compute", "publish", "commit")

PAGE = """# What the pipeline costs

`python -m benchmarks.pipeline` writes this page: `{spec}`, {trainers} trainers of one thread each on a real Redis and a
real S3 server, against {trainers} bare processes that compute the same gradients of the same episodes and nothing else;
{versions} versions each in turn, {rounds} times in one run. On as many cores as trainers, whatever a server takes is
taken from them."""


@dataclass(frozen=True)
class Round:
    """Tasks per second of the pipeline and of bare processes, measured one after the other."""

    pipeline: float
    bare: float
    cpu_ms: dict[str, float]
    """Milliseconds of a core a job, by process; ``bare`` is what the arithmetic alone takes."""


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--spec", type=Path, default=Path("specs/omniglot-maml-5w1s.yaml"))
    arguments.add_argument("--versions", type=int, default=40, help="measured versions a round")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    raw = read_spec(options.spec)
    total = WARM_VERSIONS + options.versions
    raw["outer"] |= {"versions": total + 1}
    raw["evaluation"] = raw.get("evaluation", {}) | {"every": 10 * total, "validation_tasks": 2, "test_tasks": 2}
    with tempfile.TemporaryDirectory() as folder, S3Server(Path(folder) / "s3", Path(folder) / "s3.log") as s3:
        redis = RedisServer(Path(folder) / "redis.sock", Path(folder) / "redis.log")
        settings = Settings(
            home=Path(folder) / "home",
            redis_url=redis.url,
            store_url="s3://phiforge",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
            keep_episodes="all",
        )
        with redis, Stack(settings, trainers=TRAINERS) as stack:
            platform = Platform.open(settings)
            processes = {"redis": redis.pid, "S3": s3.pid}
            processes |= {service.name: service.process.pid for service in stack.services}
            rounds = [measure(platform, raw, options.versions, processes) for _ in range(options.rounds)]
            phases = job_phases(stack)
    publish(written(options.spec, options.versions, rounds, phases), options.output)


def measure(platform: Platform, raw: dict[str, Any], versions: int, processes: dict[str, int]) -> Round:
    """Run ``versions`` versions through the pipeline, then compute the same jobs in bare processes."""
    run = submit(platform, raw)
    wait_for(platform, run, WARM_VERSIONS)
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    start = time.perf_counter()
    wait_for(platform, run, WARM_VERSIONS + versions)
    seconds = time.perf_counter() - start
    used = {name: cpu_seconds(pid) - before[name] for name, pid in processes.items()}
    cancel(platform, run)
    outer = platform.run(run).spec.outer
    bare, used["bare"] = bare_seconds(platform, run, versions)
    cpu_ms = {name: 1000 * each / (versions * outer.jobs) for name, each in used.items()}
    return Round(versions * outer.tasks / seconds, versions * outer.tasks / bare, cpu_ms)


def wait_for(platform: Platform, run: str, version: int) -> None:
    """Wait until ``version`` is committed, looking seldom enough not to be in the way."""
    while (state := platform.exchange.state(run)) is None or state.head < version:
        time.sleep(0.05)


def bare_seconds(platform: Platform, run: str, versions: int) -> tuple[float, float]:
    """Return the time two processes need for the same jobs, episodes in memory, nothing written; and of the cores."""
    context = multiprocessing.get_context("spawn")
    barrier, used = context.Barrier(TRAINERS + 1), context.Array("d", TRAINERS)
    arguments = [(platform.settings, run, versions, index, barrier, used) for index in range(TRAINERS)]
    processes = [context.Process(target=compute_only, args=each) for each in arguments]
    for process in processes:
        process.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for process in processes:
        process.join()
    return seconds, sum(used)


def compute_only(settings: Settings, run: str, versions: int, index: int, barrier: Barrier, used: Any) -> None:
    """Compute every second job of the measured versions from φ₀: the arithmetic of a trainer and nothing else."""
    keep_freed_memory()
    platform = Platform.open(settings)
    record = platform.run(run)
    spec = record.spec
    torch.set_num_threads(spec.numerics.threads)
    learner, estimator = learner_of(record, spec.task), estimator_of(spec)
    phi = platform.record.checkpoint(run, 0).phi
    jobs = [
        (version, job) for version in range(WARM_VERSIONS, WARM_VERSIONS + versions) for job in range(spec.outer.jobs)
    ]
    batches = {
        (version, job): EpisodeBatch.from_bytes(platform.store.get(training_episodes_key(run, version, job)))
        for version, job in jobs[index::TRAINERS]
    }
    warm_version, warm_job = jobs[index]
    estimator.contribute(
        learner, phi, list(batches[warm_version, warm_job].episodes()), Step(spec, warm_version), warm_job
    )
    barrier.wait()
    start = time.process_time()
    for (version, job), batch in batches.items():
        estimator.contribute(learner, phi, list(batch.episodes()), Step(spec, version), job)
    used[index] = time.process_time() - start
    barrier.wait()


def job_phases(stack: Stack) -> dict[str, float]:
    """Return the mean milliseconds of each phase of a job, over all trainers."""
    sums, counts = dict.fromkeys(PHASES, 0.0), dict.fromkeys(PHASES, 0.0)
    pages = [page for name, page in stack.metrics().items() if name.startswith("trainer")]
    for page in pages:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                if sample.name == "phiforge_job_seconds_sum":
                    sums[sample.labels["phase"]] += sample.value
                if sample.name == "phiforge_job_seconds_count":
                    counts[sample.labels["phase"]] += sample.value
    return {phase: 1000 * sums[phase] / counts[phase] for phase in PHASES if counts[phase]}


def written(spec: Path, versions_measured: int, rounds: Sequence[Round], phases: Mapping[str, float]) -> Iterator[str]:
    """Yield the page, line by line."""
    yield PAGE.format(spec=spec, trainers=TRAINERS, rounds=len(rounds), versions=versions_measured)
    yield from ("", f"{machine()};", f"{versions()}.", NOT_QUIET, "")
    rates = {
        "pipeline, tasks/s": [each.pipeline for each in rounds],
        "bare processes, tasks/s": [each.bare for each in rounds],
        "ratio of neighbours": [each.pipeline / each.bare for each in rounds],
    }
    yield from table(("", "median (lowest to highest)"), ((name, spread(values)) for name, values in rates.items()))
    yield from ("", "Where a trainer's time goes, by its clock, means of all jobs; a commit is once a version:", "")
    yield from table(("phase", "ms"), ((phase, f"{value:.1f}") for phase, value in phases.items()))
    yield from ("", "What each process takes of the processor; `bare` is what the arithmetic alone takes:", "")
    used = {name: [each.cpu_ms[name] for each in rounds] for name in rounds[0].cpu_ms}
    yield from table(("process", "ms of a core a job"), ((name, spread(values)) for name, values in used.items()))


if __name__ == "__main__":
    main()
