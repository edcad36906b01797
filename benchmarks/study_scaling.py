"""How much faster a study goes with two trainers than with one: the same study, on fleets of its own.

Runs of one job a version, which one trainer alone can do: what scales is the study, not a run. Every fleet goes through
a short study first, so that what processes load when they begin is not counted.

    python -m benchmarks.study_scaling [--trials 8] [--versions 60] [--trainers 1 2] [--output FILE]
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.page import NOT_QUIET, machine, parser, publish, say, table, versions
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import StudyStatus
from phiforge.runs.studies.record import Studies
from phiforge.search.read import parse_study
from phiforge_client.servers import RedisServer
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import submit_study

MOST_SECONDS = 240.0

PAGE = """# A study with more and fewer trainers

`python -m benchmarks.study_scaling` writes this: {trials} trials in one generation, each {length} versions of MAML on
5-way 1-shot `glyphs`, one job a version. Seconds from submission to the end of the study, test tasks included."""
COLUMNS = ("trainers", "seconds", "trials a minute", "times as fast as the first")


class Timed(NamedTuple):
    """How long a study took."""

    seconds: float
    values: list[float | None]


def main() -> int:
    """Measure and print; return whether trainers changed what came of any trial."""
    arguments = parser(__doc__)
    arguments.add_argument("--trials", type=int, default=8)
    arguments.add_argument("--versions", type=int, default=60, help="of each trial")
    arguments.add_argument("--trainers", type=int, nargs="+", default=[1, 2])
    options = arguments.parse_args()
    rows, values = list[tuple[str, ...]](), list[list[float | None]]()
    found = {count: measured(options.trials, options.versions, count) for count in options.trainers}
    for count, timed in found.items():
        faster = found[options.trainers[0]].seconds / timed.seconds
        pace = f"{60 * options.trials / timed.seconds:.1f}"
        rows.append((str(count), f"{timed.seconds:.1f}", pace, f"{faster:.2f}"))
        values.append(timed.values)
    head = PAGE.format(trials=options.trials, length=options.versions)
    same = all(each == values[0] for each in values)
    said = f"What came of the trials is {'the same' if same else 'DIFFERENT'} with each number of trainers."
    publish(
        [head, "", f"{machine()};", f"{versions()}.", NOT_QUIET, "", *table(COLUMNS, rows), "", said], options.output
    )
    return int(not same)


def study_of(trials: int, length: int) -> dict[str, Any]:
    """Return the raw study: random rates, all trials at once."""
    return {
        "name": "scaling",
        "base": {
            "data": {"name": "glyphs"},
            "task": {"n_way": 5, "k_shot": 1, "n_query": 5},
            "learner": {
                "name": "maml",
                "inner_lr": 0.1,
                "inner_steps": 1,
                "network": {"name": "conv4", "channels": 32},
            },
            "outer": {"versions": length, "meta_batch": 4, "job_size": 4},
            "checkpoint": {"every": length},
            "evaluation": {"every": length, "validation_tasks": 16, "test_tasks": 16},
        },
        "space": {"outer.lr": {"type": "log", "low": 3e-4, "high": 3e-2}},
        "budget": {"trials": trials},
        "generation": trials,
    }


def measured(trials: int, length: int, trainers: int) -> Timed:
    """Return how long a study took on a fleet of its own."""
    with tempfile.TemporaryDirectory(prefix="study-scaling-") as folder:
        settings = Settings(home=Path(folder), redis_url="", store_url="")
        with RedisServer(settings.redis_socket, Path(folder) / "redis.log") as redis:
            settings = settings.model_copy(update={"redis_url": redis.url})
            with Stack(settings, trainers=trainers):
                platform = Platform.open(settings)
                gone_through(platform, study_of(trainers, 2))
                timed = gone_through(platform, study_of(trials, length))
                platform.close()
    say(f"{trainers} trainers: {timed.seconds:.1f} s")
    return timed


def gone_through(platform: Platform, raw: dict[str, Any]) -> Timed:
    """Submit a study, wait until it is over, and return how long that took."""
    studies, begun = Studies(platform.store), time.monotonic()
    submitted = submit_study(platform, parse_study(raw))
    while studies.status(submitted) is StudyStatus.RUNNING:
        if time.monotonic() - begun > MOST_SECONDS:
            raise TimeoutError(f"the study is not over after {MOST_SECONDS:g} s")
        time.sleep(0.1)
    seconds, found = time.monotonic() - begun, Found.of(studies, submitted)
    return Timed(seconds, [found.results[number].value for number in sorted(found.results)])


if __name__ == "__main__":
    sys.exit(main())
