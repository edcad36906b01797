"""How commands tell a person, or a program that reads a pipe, what they found."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from phiforge_client.mishaps import speaks_unicode

if TYPE_CHECKING:
    from phiforge.runs.platform import RunPlatform

console = Console()


def say(sentence: str) -> None:
    """Print one line, as one: whoever reads it may be a program."""
    console.print(sentence, highlight=False, soft_wrap=True)


def echo_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON value."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not speaks_unicode()))


def watch_runs(platform: "RunPlatform", runs: list[str]) -> None:
    """Show ``runs`` until all are over; exit code 1 if one failed, 130 if Ctrl-C ended it."""
    from phiforge_client.view import watch

    try:
        views = watch(platform, runs, console, check=lambda: None)
    except KeyboardInterrupt:
        console.print("stopped watching; the run goes on")
        raise SystemExit(130) from None
    if any(view.status == "failed" for view in views):
        raise SystemExit(1)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar for each thing that is downloaded, drawn or published, and a line for each remark."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if total == 0:
                bars.console.print(f"[yellow]note:[/yellow] {escape(what)}", highlight=False, soft_wrap=True)
                return
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
