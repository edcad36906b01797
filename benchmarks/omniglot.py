"""Every learner on real Omniglot, judged on the same 600 test tasks, through the whole pipeline.

A real Redis, a real S3 server, one sampler, trainers of one thread each, one evaluator. The runs are queued one after
the other, so that each has the machine for itself. State stays in ``--home``: what is complete is not run again, what
was interrupted goes on from its last checkpoint. The table is printed, and after each run written to ``--output``.

    python -m benchmarks.omniglot [SPEC ...] [--tasks 2000 --n-way 5 20] [--output FILE]
    python -m benchmarks.omniglot [SPEC ...] --tasks 2000 --shipped [--output FILE]

With ``--tasks``, every learner gets the same budget: so many tasks of ``--n-way`` ways in meta-batches of 4. With
``--shipped`` too, the training tasks and meta-batches are each spec's own, and only their number is given. Without
``--tasks``, every spec is run as it stands. With ``--check`` the command fails at the end if a learner is not above the
floors, training from scratch and pixel neighbours on tasks of as many ways, by the intervals of both.
"""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.floors import Score, below_floors, score_of
from benchmarks.page import parser, publish, table
from benchmarks.protocols.compare import compared
from benchmarks.protocols.figures import figure_of
from benchmarks.published import NONE, PUBLISHED
from phiforge.base.errors import RunError, ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge.runs.settling import settled
from phiforge.spec.read import parse_spec, read_spec
from phiforge_client.servers import S3Server
from phiforge_client.stack import Stack
from phiforge_client.submission import resume, submit
from phiforge_client.table import percent
from phiforge_client.view import watch

SPECS = sorted(Path("specs").glob("omniglot-*-5w1s.yaml"))
META_BATCH = 4
COLUMNS = (
    "learner",
    "test accuracy",
    "curve",
    "tasks seen",
    "seconds",
    "parameters of φ",
    "transductive",
    "published",
    "source",
    "protocol",
)
INTRODUCTION = """# Every learner on real Omniglot

Written by `make benchmark-omniglot` through the whole pipeline: two trainers of one thread each, half split with
rotations as classes, 1 shot and 5 queries a class, 28x28, the same 600 test tasks of unseen characters for every
learner. Mean and 95 % confidence interval over tasks. The curve is validation accuracy in per cent (100 tasks) from φ₀
to the end, at even steps: where it still rises, the budget was too small for the learner. Published figures are of far
larger budgets and of other splits. `protocol` says in how many facts a row differs from how its figure was made, and
how many of them nobody states ([fact by fact](../protocols.md)). Seconds go from submission to the last score, with
whatever else the machine did and any pause of this command; CPU cores are few here, and what more tasks do is in
[README.md](README.md).
"""
FIVE = 5


def main() -> None:
    """Run what is not complete, then print all."""
    arguments = parser(__doc__)
    arguments.add_argument("specs", type=Path, nargs="*", default=SPECS)
    arguments.add_argument("--home", type=Path, default=Path(".phiforge/omniglot"))
    arguments.add_argument("--trainers", type=int, default=2)
    arguments.add_argument("--n-way", type=int, nargs="+", default=[5])
    arguments.add_argument("--tasks", type=int, default=None)
    arguments.add_argument("--shipped", action="store_true", help="keep each spec's training tasks and meta-batch")
    arguments.add_argument("--check", action="store_true", help="fail if a learner is not above the floors")
    options = arguments.parse_args()
    raws = [read_spec(spec) for spec in options.specs]
    if options.tasks and options.shipped:
        raws = [shortened(raw, options.tasks) for raw in raws]
    elif options.tasks:
        raws = [budgeted(raw, n_way, options.tasks) for n_way in options.n_way for raw in raws]
    console = Console()
    with S3Server(options.home / "s3", options.home / "logs" / "s3.log") as s3:
        settings = Settings(
            home=options.home,
            redis_url="",
            store_url="s3://omniglot",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
        )
        with Stack(settings, options.trainers) as stack:
            platform = Platform.open(settings)
            rows: list[tuple[str, ...]] = []
            scores: list[Score] = []
            for raw in raws:
                report = complete(platform, raw, console, stack)
                rows.append(row(raw, report))
                scores.append(score_of(learner_name(raw), judged_ways(raw), report))
                publish([INTRODUCTION, *table(COLUMNS, rows)], options.output)
    if options.check and (missed := below_floors(scores)):
        sys.exit("\n".join(missed))


def shortened(raw: dict[str, Any], tasks: int) -> dict[str, Any]:
    """Return a raw spec as it is shipped, but for a run of ``tasks`` tasks that is judged five times on the way."""
    versions = raw["outer"]["versions"] and max(1, tasks // raw["outer"]["meta_batch"])
    every = max(1, versions // 4)
    return raw | {
        "outer": raw["outer"] | {"versions": versions},
        "checkpoint": {"every": every},
        "evaluation": raw["evaluation"] | {"every": every},
    }


def budgeted(raw: dict[str, Any], n_way: int, tasks: int) -> dict[str, Any]:
    """Return a raw spec with the budget of ``tasks`` tasks of ``n_way`` ways."""
    versions = raw["outer"]["versions"] and tasks // META_BATCH
    k_shot = raw["task"]["k_shot"]
    shape = {"n_way": n_way, "k_shot": 1, "n_query": 5}
    every = max(1, versions // 4)
    return raw | {
        "name": raw["name"].replace("-5w", f"-{n_way}w"),
        "task": shape if k_shot == 1 else raw["task"] | {"n_way": n_way},
        "outer": raw["outer"] | {"versions": versions, "meta_batch": META_BATCH, "job_size": META_BATCH // 2},
        "checkpoint": {"every": every},
        "evaluation": {"every": every, "validation_tasks": 100, "test_tasks": 600, "task": shape},
    }


def complete(platform: Platform, raw: dict[str, Any], console: Console, stack: Stack) -> dict[str, Any] | str:
    """Return the report of the run of a spec, after bringing it to its end; or why it failed."""
    spec_hash = settled(parse_spec(raw), platform.settings.device).hash
    run = earlier(platform, spec_hash) or submit(platform, raw)
    if platform.record.status(run) is RunStatus.CANCELLED:
        resume(platform, run)
    if platform.record.status(run) is not RunStatus.FAILED:
        [view] = watch(platform, [run], console, stack.check)
        if view.status == "cancelled":
            raise ServiceError(f"run {run} was cancelled")
    if platform.record.status(run) is RunStatus.FAILED:
        return platform.record.end_reason(run, RunStatus.FAILED)
    return platform.record.report(run)


def earlier(platform: Platform, spec_hash: str) -> str | None:
    """Return the run of the same spec that was begun before, if any."""
    for run in platform.record.runs():
        try:
            if platform.record.submitted(run).spec_hash == spec_hash:
                return run
        except (RunError, ValueError):
            continue  # of another version of the software
    return None


def learner_name(raw: dict[str, Any]) -> str:
    """Return whose row it is, as ready-made specs call it."""
    return str(raw["name"]).removeprefix("omniglot-").rpartition("-")[0]


def judged_ways(raw: dict[str, Any]) -> int:
    """Return of how many ways the test tasks are."""
    return int((raw["evaluation"].get("task") or raw["task"])["n_way"])


def row(raw: dict[str, Any], report: dict[str, Any] | str) -> tuple[str, ...]:
    """Return a run's row of the table, beside what was published for as many ways."""
    n_way = judged_ways(raw)
    learner = learner_name(raw)
    published = PUBLISHED.get(learner, NONE)
    cells = (f"failed: {report}", "", "", "", "", "") if isinstance(report, str) else measured(report)
    accuracy = published.five_way if n_way == FIVE else published.twenty_way
    return (f"{learner}, {n_way}-way", *cells, accuracy, published.source, protocol(raw, learner, n_way))


def protocol(raw: dict[str, Any], learner: str, n_way: int) -> str:
    """Return how a spec compares with the way in which the figure beside it was made; '' if there is none."""
    figure = figure_of(learner, n_way)
    return compared(figure, parse_spec(raw)).protocol if figure else ""


def measured(report: dict[str, Any]) -> tuple[str, ...]:
    """Return what one run showed."""
    accuracy = percent(report["test"]["accuracy"], report["test"]["accuracy_ci95"])
    transductive = "yes" if report["transductive"] else "no"
    curve = " ".join(f"{100 * point['accuracy']:.0f}" for point in report["validation"])
    counts = f"{report['tasks_seen']:,}", f"{report['seconds']:.0f}", f"{report['parameters']:,}"
    return accuracy, curve, *counts, transductive


if __name__ == "__main__":
    main()
