"""The queue of runs: who is next, and what a person does about it, for one run or many."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from phiforge_client.commands.opening import expect_redis, look, open_platform
from phiforge_client.commands.options import AnyRuns, AsJson, LabelsWanted, Priority, Quiet
from phiforge_client.commands.output import answer, console, say, say_where

if TYPE_CHECKING:
    from phiforge.runs.platform import RunPlatform
    from phiforge.runs.waiting.line import Line
    from phiforge_client.queue_view import QueueView
    from phiforge_client.selection import Done

app = typer.Typer()

_AUTO, _NONE = "auto", "none"
_GOES_ON = "; `phiforge resume {run}` lets it go on"


@app.command(rich_help_panel="Queue")
def queue(
    at_once: Annotated[
        str | None,
        typer.Option("--at-once", metavar="N", help="From now on so many runs are active at once, or 'auto'."),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="From now on share the fleet fairly between this label's values; or none."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show who runs, who waits for what, and roughly until when; or set how the queue is served."""
    from phiforge_client.queue_view import queue_view

    if at_once is not None or share is not None:
        _set_policy(at_once, share)
    platform = look()
    found = queue_view(platform)
    answer(found.to_json(), as_json, [row.run for row in found.rows], lambda: _show(platform, found))


def _show(platform: "RunPlatform", found: "QueueView") -> None:
    from phiforge_client.queue_view import print_queue

    print_queue(console, found)
    say_where(platform.store.url)


def _set_policy(at_once: str | None, share: str | None) -> None:
    """Change what is given of how the queue is served, for the whole fleet."""
    from phiforge.base.errors import QueueError
    from phiforge.runs.waiting.policy import read_policy, write_policy
    from phiforge.runs.waiting.wish import check_label_name

    if at_once not in (None, _AUTO) and not str(at_once).isdecimal():
        raise QueueError(f"--at-once {at_once}: allowed are a number of runs from 1 on, and auto")
    platform = open_platform()
    policy = read_policy(platform.store)
    if at_once is not None:
        policy = policy._replace(at_once=None if at_once == _AUTO else int(at_once))
    if share is not None:
        policy = policy._replace(share="" if share == _NONE else check_label_name(share))
    write_policy(platform.store, policy)


@app.command(rich_help_panel="Queue")
def cancel(runs: AnyRuns = None, label: LabelsWanted = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Stop runs, wherever they are; `phiforge resume` lets them go on."""
    from phiforge_client.steering import cancel_one

    _to_each(runs, label, "cancelled", cancel_one, as_json, _GOES_ON)


@app.command(rich_help_panel="Queue")
def pause(runs: AnyRuns = None, label: LabelsWanted = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Hold runs until they are resumed; one that is active gives its place to the next."""
    from phiforge_client.steering import pause_one

    _to_each(runs, label, "paused", pause_one, as_json, _GOES_ON)


@app.command(rich_help_panel="Queue")
def resume(runs: AnyRuns = None, label: LabelsWanted = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Let held, cancelled or failed runs queue again: they go on to the same φ as if they had never stopped."""
    from phiforge_client.steering import resume_one

    _to_each(runs, label, "resumed", resume_one, as_json)


@app.command(rich_help_panel="Queue")
def reprioritise(
    priority: Priority, runs: AnyRuns = None, label: LabelsWanted = None, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """Give runs that wait another priority: those of a higher one come first."""
    from phiforge_client.steering import reprioritise_one

    _to_each(runs, label, f"priority {priority} for", partial(reprioritise_one, priority=priority), as_json)


def _to_each(
    runs: list[str] | None,
    labels: list[str] | None,
    word: str,
    action: "Callable[[RunPlatform, Line, str], None]",
    as_json: bool,
    after: str = "",
) -> None:
    """Do ``action`` to all runs that are meant and tell of it, with what comes ``after`` it if it was one."""
    from phiforge_client.selection import selected, to_each

    platform = open_platform()
    meant = selected(platform, runs or [], labels or [])
    expect_redis(platform)
    done = to_each(platform, meant, action)
    answer({"runs": done.runs, "left": done.left}, as_json, [], lambda: _tell(done, word, after))


def _tell(done: "Done", word: str, after: str) -> None:
    """Say what was done to how many runs, and which were left as they are."""
    one = done.runs[0] if len(done.runs) == 1 else ""
    say(f"{word} {one or f'{len(done.runs)} runs'}{after.format(run=one) if one else ''}")
    for run, why in done.left.items():
        say(f"left {run} as it is: {escape(why)}")
