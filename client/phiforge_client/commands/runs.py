"""Runs: submit, list, watch, show."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from phiforge_client.commands.opening import expect_redis, look, look_at, open_at, open_platform
from phiforge_client.commands.options import (
    After,
    AnyRuns,
    AsJson,
    Hold,
    LabelsGiven,
    LabelsWanted,
    Overrides,
    Priority,
    Quiet,
    RunId,
    SpecFile,
    WatchIt,
    Yes,
)
from phiforge_client.commands.output import (
    answer,
    console,
    echo_json,
    progress,
    queued,
    say,
    say_where,
    watch_runs,
)
from phiforge_client.ready_made import found_or_ready_made

if TYPE_CHECKING:
    from phiforge.runs.platform import RunPlatform
    from phiforge_client.run_view import RunView

app = typer.Typer()


@app.command(rich_help_panel="Runs")
def submit(
    spec: SpecFile,
    set_: Overrides = None,
    watch: WatchIt = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Own pictures: leave out what cannot be read.")
    ] = False,
    keep_first: Annotated[
        bool,
        typer.Option("--keep-first-of-duplicates", help="Own pictures: leave out a picture that stands elsewhere."),
    ] = False,
    priority: Priority = 0,
    label: LabelsGiven = None,
    after: After = None,
    hold: Hold = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check SPEC, publish its dataset and queue the run; a bad spec is refused with all its problems."""
    from phiforge.runs.run_ids import run_of
    from phiforge.runs.waiting.wish import Wish, read_labels
    from phiforge.spec.read import parse_spec, read_spec
    from phiforge_client.submission import submit as submit_run

    chosen = ["data.unreadable=skip"] * skip_unreadable + ["data.duplicates=keep_first"] * keep_first
    raw = read_spec(found_or_ready_made(spec), [*(set_ or []), *chosen])
    wish = Wish(priority, read_labels(label or []), hold=hold)
    platform = open_platform()
    wish = wish._replace(after=tuple(run_of(platform.record, run) for run in after or []))
    expect_redis(platform, otherwise=lambda: parse_spec(raw))
    with progress(as_json) as report:
        run = submit_run(platform, raw, report, wish)
    queued(platform, run, f"queued [bold]{run}[/bold]; see it with `phiforge watch {run}`", watch, as_json)


@app.command(rich_help_panel="Runs")
def runs(label: LabelsWanted = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List every run, in order of submission: where it is, how well it does, and its labels."""
    from phiforge.runs.waiting.wish import read_labels
    from phiforge_client.view import all_views

    wanted, platform = set(read_labels(label or [])), look()
    views = [view for view in all_views(platform) if wanted <= set(view.labels)]
    found = [view.to_json() for view in views]
    answer(found, as_json, [view.run for view in views], lambda: _print_runs(platform, views, label or []))


def _print_runs(platform: "RunPlatform", views: "list[RunView]", labels: list[str]) -> None:
    from phiforge_client.table import print_table

    if views:
        print_table(console, views)
        say_where(platform.store.url)
        return
    what = f"no run with the label {escape(' and '.join(labels))}" if labels else "no run"
    say(f"there is {what} in {escape(platform.store.url)}; PHIFORGE_HOME and PHIFORGE_STORE_URL say where to look")


@app.command(rich_help_panel="Runs")
def rm(
    runs: AnyRuns = None,
    label: LabelsWanted = None,
    yes: Yes = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Remove runs that are over, with all that is theirs alone; datasets and what other runs need stay."""
    from phiforge_client.removal import removable, remove
    from phiforge_client.selection import selected

    platform = open_platform()
    meant = removable(platform, selected(platform, runs or [], label or []))
    expect_redis(platform)
    if not yes:
        named = ", ".join(meant[:3]) + (f" and {len(meant) - 3} more" if len(meant) > 3 else "")
        typer.confirm(f"Remove {named} for good?", abort=True, err=True)
    objects = {run: remove(platform, run) for run in meant}
    count = "1 run" if len(meant) == 1 else f"{len(meant)} runs"
    said = f"removed {meant[0] if len(meant) == 1 else count}: {sum(objects.values())} objects"
    answer({"removed": objects}, as_json, [], lambda: say(f"{said} of {escape(platform.store.url)}"))


@app.command(rich_help_panel="Runs")
def watch(run: RunId, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Watch RUN until it is over; Ctrl-C stops watching, not the run."""
    from phiforge.runs.record import RunStatus

    platform, run = look_at(run)
    if platform.record.status(run) is RunStatus.RUNNING:
        platform.exchange.check()
    watch_runs(platform, [run], as_json)


@app.command(rich_help_panel="Runs")
def show(
    run: RunId,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Draw the cells of its network there too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print RUN's spec, and its report (or why it ended) as JSON."""
    from phiforge_client.cells.found import draw_network
    from phiforge_client.shown import shown_of

    platform, run = look_at(run)
    shown = shown_of(platform, run)
    if png:
        draw_network(shown["spec"], run, png)
    echo_json(shown)


@app.command(rich_help_panel="Runs")
def replay(
    run: RunId,
    version: Annotated[int | None, typer.Option(min=0, help="Which, if there are several; default: the last.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the job whose loss stopped RUN again, as it was not finite, and print each of its episodes as JSON."""
    from phiforge_client.replay import replay as replay_run

    platform, run = open_at(run)
    echo_json(replay_run(platform, run, version))
