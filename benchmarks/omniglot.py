"""Every learner on real Omniglot, judged on the same 600 test tasks, through the whole pipeline.

A real Redis, a real S3 server, one sampler, trainers of one thread each, one evaluator. The runs are queued one after
the other, so that each has the machine for itself. State stays in ``--home``: what is complete is not run again, what
was interrupted goes on from its last checkpoint.

    python -m benchmarks.omniglot [SPEC ...] [--home .phiforge/omniglot] [--trainers 2]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from client.servers import S3Server
from client.stack import Stack
from client.submission import resume, submit
from client.view import percent, watch
from phiforge.errors import ServiceError
from phiforge.platform import Platform
from phiforge.settings import Settings
from phiforge.spec.read import parse_spec, read_spec

SPECS = sorted(Path("specs").glob("omniglot-*.yaml"))
COLUMNS = ("run", "learner", "estimator", "test accuracy", "tasks seen", "seconds", "parameters", "transductive")


def main() -> None:
    """Run what is not complete, then print all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", type=Path, nargs="*", default=SPECS)
    parser.add_argument("--home", type=Path, default=Path(".phiforge/omniglot"))
    parser.add_argument("--trainers", type=int, default=2)
    options = parser.parse_args()
    console = Console()
    with S3Server(options.home / "s3", options.home / "logs" / "s3.log") as s3:
        settings = Settings().model_copy(
            update={
                "home": options.home,
                "redis_url": "",
                "store_url": "s3://omniglot",
                "s3_endpoint": s3.endpoint,
                "s3_access_key": s3.access_key,
                "s3_secret_key": s3.secret_key,
            }
        )
        with Stack(settings, options.trainers) as stack:
            platform = Platform.open(settings)
            reports = {spec.stem: complete(platform, spec, console, stack) for spec in options.specs}
    for line in table(reports):
        console.print(line, highlight=False, soft_wrap=True)


def complete(platform: Platform, path: Path, console: Console, stack: Stack) -> dict[str, Any]:
    """Return the report of the run of a spec, after bringing it to its end."""
    raw = read_spec(path)
    run = earlier(platform, parse_spec(raw).hash) or submit(platform, raw)
    if platform.record.status(run) in ("cancelled", "failed"):
        resume(platform, run)
    [view] = watch(platform, [run], console, stack.check)
    if view.status != "complete":
        raise ServiceError(f"run {run} is {view.status}: {platform.record.end_reason(run, view.status)}")
    return platform.record.report(run)


def earlier(platform: Platform, spec_hash: str) -> str | None:
    """Return the run of the same spec that was begun before, if any."""
    return next((run for run in platform.record.runs() if platform.run(run).spec.hash == spec_hash), None)


def table(reports: dict[str, dict[str, Any]]) -> Sequence[str]:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for name, report in reports.items():
        accuracy = percent(report["test"]["accuracy"], report["test"]["accuracy_ci95"])
        cells = (name, report["learner"], report["estimator"], accuracy, f"{report['tasks_seen']:,}")
        rest = (f"{report['seconds']:.0f}", f"{report['parameters']:,}", "yes" if report["transductive"] else "no")
        lines.append(f"| {' | '.join((*cells, *rest))} |")
    return lines


if __name__ == "__main__":
    main()
