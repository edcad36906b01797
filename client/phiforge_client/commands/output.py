"""How commands tell a person, or a program that reads a pipe, what they found."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from phiforge_client.mishaps import speaks_unicode

if TYPE_CHECKING:
    from phiforge.runs.platform import RunPlatform

console = Console()


def print_version(asked: bool) -> None:
    """Print which version this is, and end, if that was ``asked``."""
    if asked:
        typer.echo(f"phiforge {version('phiforge')}")
        raise typer.Exit


class _Output:
    """How much this command prints."""

    quiet = False


def be_quiet(value: bool) -> bool:
    """Let ``say`` keep silent and ``answer`` print names alone: what ``--quiet`` asks for."""
    _Output.quiet = value
    return value


def say(sentence: str) -> None:
    """Print one line, as one: whoever reads it may be a program."""
    if not _Output.quiet:
        console.print(sentence, highlight=False, soft_wrap=True)


def warn(sentence: str) -> None:
    """Tell, beside the answer and however quiet, of what was not done."""
    Console(stderr=True).print(escape(sentence), highlight=False, soft_wrap=True)


def answer(value: Any, as_json: bool, names: Sequence[str], show: Callable[[], None]) -> None:  # noqa: ANN401 - JSON
    """Print an answer once: as JSON; or, if quiet, ``names`` alone, a line each; or as ``show`` does for a person."""
    if as_json:
        echo_json(value)
    elif _Output.quiet:
        for name in names:
            typer.echo(name)
    else:
        show()


def screen(as_json: bool = False) -> Console:
    """Return where to show what is no answer, such as how far things are: nowhere if that would be in the way."""
    return Console(quiet=True) if as_json or _Output.quiet else console


def echo_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON value."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not speaks_unicode()))


def watch_runs(platform: "RunPlatform", runs: list[str], as_json: bool = False) -> None:
    """Show ``runs`` until all are over, as JSON only then; exit code 1 if one failed, 130 if Ctrl-C ended it."""
    from phiforge_client.view import watch

    try:
        views = watch(platform, runs, screen(as_json), check=lambda: None)
    except KeyboardInterrupt:
        screen(as_json).print("stopped watching; the run goes on")
        raise SystemExit(130) from None
    if as_json:
        echo_json([view.to_json() for view in views])
    if any(view.status == "failed" for view in views):
        raise SystemExit(1)


def queued(platform: "RunPlatform", run: str, said: str, watch: bool, as_json: bool) -> None:
    """Tell that ``run`` is queued, in the words ``said``; then, if it is to be watched, stay until it is over."""
    if not (watch and as_json):
        answer({"run": run, "store": platform.store.url}, as_json, [run], lambda: _say_queued(said, platform.store.url))
    if watch:
        watch_runs(platform, [run], as_json)


def _say_queued(said: str, where: str) -> None:
    say(said)
    say_where(where)


def say_where(where: str) -> None:
    """Tell a person, not a program, where what was listed lies."""
    if console.is_terminal:
        console.print(f"[dim]in {escape(where)}[/dim]", highlight=False, soft_wrap=True)


@contextmanager
def progress(as_json: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar for each thing that is downloaded, drawn or published, and a line for each remark."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    shown = screen(as_json)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if total == 0 and shown.quiet:
                warn(f"note: {what}")
                return
            if total == 0:
                bars.console.print(f"[yellow]note:[/yellow] {escape(what)}", highlight=False, soft_wrap=True)
                return
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report
