"""From a killed trainer to the next committed version: the one that holds a job is killed, again and again.

An embedded stack of three trainers on Redis and S3, default settings.

    python -m benchmarks.recovery [--kills 50] [--output docs/results/recovery.md]
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from benchmarks.page import NOT_QUIET, machine, parser, publish, table, versions
from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge_client.chaos.faults.processes import at_point
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.chaos.watchdog import Watchdog
from phiforge_client.submission import submit

TRAINERS = 3
POINTS = {
    "trainer.computed": "with a contribution computed, not published",
    "trainer.published": "with a contribution published, not counted",
    "trainer.reduced": "with the next version reduced, not committed",
    "trainer.committed": "with a version committed, nothing that follows sent",
}
"""Where a trainer holds a job or a version in its hands."""

MEDIAN_SECONDS, WORST_SECONDS = 5.0, 10.0
"""What the guarantee says."""

MOST_STILL_SECONDS = 120.0


PAGE = """# Recovery from a killed trainer

`python -m benchmarks.recovery --kills {kills}` writes this page: an embedded stack (Redis, SeaweedFS, {trainers}
trainers, one sampler, one evaluator) with default settings (`PHIFORGE_RECONCILE_SECONDS` {reconcile:g},
`PHIFORGE_STALL_SECONDS` {stall:g}). One run of small MAML steps goes on throughout; the trainer that first gets to a
named point ends itself by SIGKILL, so that it holds a job or a version in its hands. Time is from its death to the next
committed version. The dead are started again, and the next is killed once two trainers serve. The broker's visibility
timeout is six hours here: it moves nothing."""

NOTES = """Promised: {median:g} s in the median, {worst:g} s at worst. A contribution that was published and not counted
seldom stops a run, for whoever publishes the last one counts them all.

What it takes is the patience of `reconcile` (a silence of `PHIFORGE_STALL_SECONDS`) and up to one pause between two
looks (`PHIFORGE_RECONCILE_SECONDS`, shared by the services that look). Before locks of dead holders freed themselves
after 2 s, a trainer killed while it reconciled cost 10 s."""


def main() -> None:
    """Measure and print; exit with 1 if the guarantee does not hold."""
    arguments = parser(__doc__)
    arguments.add_argument("--kills", type=int, default=50)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), redis_url="", store_url="")
        with own_stage(settings, TRAINERS, seed=0, outage_seconds=1.0, use_s3=True) as stage:
            recoveries = measure(stage, options.kills)
    publish(written(recoveries, settings), options.output)
    total = together(recoveries)
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
            recoveries[point].append(until_a_commit(stage, watchdog))
    return recoveries


def until_a_commit(stage: Stage, watchdog: Watchdog) -> float:
    """Wait for the next committed version, and return the seconds that it took."""
    began, commits = time.monotonic(), watchdog.commits
    stage.wait(lambda: watchdog.commits > commits, MOST_STILL_SECONDS)
    return time.monotonic() - began


def together(recoveries: Mapping[str, Sequence[float]]) -> list[float]:
    """Return the seconds of all kills, wherever they were."""
    return [seconds for each in recoveries.values() for seconds in each]


def written(recoveries: Mapping[str, Sequence[float]], settings: Settings) -> Iterator[str]:
    """Yield the page, line by line."""
    total = together(recoveries)
    patience = {"reconcile": settings.reconcile_seconds, "stall": settings.stall_seconds}
    yield from (PAGE.format(kills=len(total), trainers=TRAINERS, **patience), "")
    yield from (f"{machine()};", f"{versions()}.", NOT_QUIET, "")
    cells = {POINTS[point]: seconds for point, seconds in recoveries.items() if seconds} | {"**all**": total}
    yield from table(("killed", "times", "median", "worst"), (_row(name, each) for name, each in cells.items()))
    yield from ("", NOTES.format(median=MEDIAN_SECONDS, worst=WORST_SECONDS))


def _row(what: str, seconds: Sequence[float]) -> tuple[str, ...]:
    return what, str(len(seconds)), f"{statistics.median(seconds):.2f} s", f"{max(seconds):.2f} s"


if __name__ == "__main__":
    main()
