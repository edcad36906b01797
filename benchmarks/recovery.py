"""From a killed trainer to the next committed version: the one that holds a job is killed, again and again.

``python -m benchmarks.recovery --kills 50``: an embedded stack of three trainers on Redis and S3, default settings.
"""

import argparse
import statistics
import tempfile
import time
from itertools import cycle
from pathlib import Path

from rich.console import Console

from client.chaos.faults.processes import at_point
from client.chaos.spec import small_run
from client.chaos.stage import Stage, own_stage
from client.submission import submit
from phiforge.errors import ServiceError
from phiforge.settings import Settings

TRAINERS = 3
POINTS = ("trainer.computed", "trainer.published", "trainer.reduced", "trainer.committed")
"""Where a trainer holds a job or a version in its hands."""

MEDIAN_SECONDS, WORST_SECONDS = 5.0, 10.0
"""What the guarantee says."""

MOST_STILL_SECONDS = 120.0


def main() -> None:
    """Measure and print; exit with 1 if the guarantee does not hold."""
    arguments = _parser().parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), redis_url="", store_url="")
        with own_stage(settings, TRAINERS, seed=0, outage_seconds=1.0, use_s3=True) as stage:
            recoveries = measure(stage, arguments.kills)
    for point in POINTS:
        _report(console, f"killed at {point}", recoveries[point])
    total = [seconds for each in recoveries.values() for seconds in each]
    _report(console, f"{len(total)} kills", total)
    if statistics.median(total) > MEDIAN_SECONDS or max(total) > WORST_SECONDS:
        raise SystemExit(1)


def measure(stage: Stage, kills: int) -> dict[str, list[float]]:
    """Kill trainers of one long run; return seconds from each death to the next commit, by point."""
    run = submit(stage.platform, small_run(versions=100_000, checkpoint_every=100))
    recoveries: dict[str, list[float]] = {point: [] for point in POINTS}
    with stage.watching(run, MOST_STILL_SECONDS) as watchdog:
        stage.reach(20)
        for _, point in zip(range(kills), cycle(POINTS), strict=False):
            stage.wait(lambda: sum(stage.own.ready(f"trainer-{index}") for index in range(TRAINERS)) > 1, 120)
            stage.pause(1.0)
            if at_point(stage, point, "kill") is None:
                raise ServiceError(f"no trainer came to {point}")
            died_at, commits = time.monotonic(), watchdog.commits
            stage.wait(lambda before=commits: watchdog.commits > before, MOST_STILL_SECONDS)
            recoveries[point].append(time.monotonic() - died_at)
    return recoveries


def _report(console: Console, what: str, seconds: list[float]) -> None:
    console.print(
        f"{what:28} {len(seconds):3} times: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s",
        highlight=False,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    return parser


if __name__ == "__main__":
    main()
