"""``phiforge demo``: two learners and two baselines through the whole pipeline, on this machine, in minutes."""

import time
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge.spec.read import read_spec
from phiforge_client.embedded import cores
from phiforge_client.keeper import Keeper
from phiforge_client.plot import plot_accuracy
from phiforge_client.ready_made import path_of
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from phiforge_client.table import percent
from phiforge_client.view import watch

METHODS = {
    "pixel nearest neighbour": "demo-pixel-nearest-neighbour",
    "from scratch": "demo-from-scratch",
    "ProtoNet": "demo-prototypical",
    "MAML": "demo-maml",
}


def run_demo(settings: Settings, console: Console, trainers: int | None) -> dict[str, dict[str, Any]]:
    """Meta-train, judge, compare and return every method's report.

    Raises ServiceError if a service keeps dying. Ctrl-C leaves no process behind.
    """
    started = time.monotonic()
    home = settings.home / "demo" / time.strftime("%Y%m%d-%H%M%S")
    settings = settings.model_copy(update={"home": home, "redis_url": "", "store_url": ""})
    console.print(f"Phiforge demo: 5-way 1-shot on glyphs, with {trainers or cores()} trainers; state in {home}")
    try:
        with Stack(settings, trainers or cores()) as stack:
            reports = _train(settings, console, stack)
            _save_metrics(stack, home)
    except KeyboardInterrupt:
        console.print("interrupted: every process is stopped")
        raise SystemExit(130) from None
    console.print(_comparison(reports))
    plot_accuracy(reports, home / "accuracy.png")
    _say_where(console, settings, reports, home, time.monotonic() - started)
    return reports


def _train(settings: Settings, console: Console, stack: Stack) -> dict[str, dict[str, Any]]:
    """Queue every method's run, watch them all, and return their reports by method."""
    platform = Platform.open(settings)
    keeper = Keeper(stack, lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
    runs = {method: submit(platform, read_spec(path_of(spec))) for method, spec in METHODS.items()}
    for view in watch(platform, list(runs.values()), console, keeper.tend):
        status = platform.record.status(view.run)
        if status is not RunStatus.COMPLETE:
            raise ServiceError(f"run {view.run} is {status}: {platform.record.end_reason(view.run, status)}")
    return {method: platform.record.report(run) for method, run in runs.items()}


def _save_metrics(stack: Stack, home: Path) -> None:
    folder = home / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    for service, page in stack.metrics().items():
        (folder / f"{service}.prom").write_text(page)


def _comparison(reports: dict[str, dict[str, Any]]) -> Table:
    """Return the final table: every method on the same test tasks."""
    tasks = next(iter(reports.values()))["test"]["tasks"]
    title = f"5-way 1-shot accuracy on {tasks} test tasks of letters never seen, 95 % confidence"
    shown = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column("method", no_wrap=True)
    for name in ("accuracy", "tasks seen", "parameters", "transductive"):
        shown.add_column(name, justify="right", no_wrap=True)
    for method, report in reports.items():
        test = report["test"]
        shown.add_row(
            method,
            percent(test["accuracy"], test["accuracy_ci95"]),
            f"{report['tasks_seen']:,}",
            f"{report['parameters']:,}",
            "yes" if report["transductive"] else "no",
        )
    return shown


def _say_where(
    console: Console, settings: Settings, reports: dict[str, dict[str, Any]], home: Path, seconds: float
) -> None:
    run = reports["MAML"]["run"]
    console.print(
        f"done in {seconds:.0f} s\n"
        f"runs     {settings.object_store_url}\n"
        f"plot     {home / 'accuracy.png'}\n"
        f"metrics  {home / 'metrics'}\n"
        f"next     PHIFORGE_HOME={home} phiforge show {run}\n"
        f"         phiforge up, and in another terminal: phiforge submit omniglot-maml-5w1s --watch",
        highlight=False,
        soft_wrap=True,
    )
