"""Runs: submit, list, watch, show."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from phiforge_client.commands.opening import expect_redis, look, look_at, open_at, open_platform
from phiforge_client.commands.options import After, Hold, LabelsGiven, Overrides, Priority, RunId, SpecFile, WatchIt
from phiforge_client.commands.output import console, echo_json, progress, say, watch_runs
from phiforge_client.ready_made import found_or_ready_made

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
) -> None:
    """Check SPEC, publish its dataset and queue the run; a bad spec is refused with all its problems."""
    from phiforge.runs.waiting.wish import Wish, read_labels
    from phiforge.spec.read import parse_spec, read_spec
    from phiforge_client.run_ids import run_of
    from phiforge_client.submission import submit as submit_run

    chosen = ["data.unreadable=skip"] * skip_unreadable + ["data.duplicates=keep_first"] * keep_first
    raw = read_spec(found_or_ready_made(spec), [*(set_ or []), *chosen])
    wish = Wish(priority, read_labels(label or []), hold=hold)
    platform = open_platform()
    wish = wish._replace(after=tuple(run_of(platform.record, run) for run in after or []))
    expect_redis(platform, otherwise=lambda: parse_spec(raw))
    with progress() as report:
        run = submit_run(platform, raw, report, wish)
    say(f"queued [bold]{run}[/bold]; see it with `phiforge watch {run}`")
    if watch:
        watch_runs(platform, [run])


@app.command(rich_help_panel="Runs")
def runs() -> None:
    """List every run, in order of submission: where it is and how well it does."""
    from phiforge_client.table import print_table
    from phiforge_client.view import all_views

    platform = look()
    if views := all_views(platform):
        print_table(console, views)
    else:
        say(f"there is no run in {escape(platform.store.url)}; PHIFORGE_HOME and PHIFORGE_STORE_URL say where to look")


@app.command(rich_help_panel="Runs")
def watch(run: RunId) -> None:
    """Watch RUN until it is over; Ctrl-C stops watching, not the run."""
    from phiforge.runs.record import RunStatus

    platform, run = look_at(run)
    if platform.record.status(run) is RunStatus.RUNNING:
        platform.exchange.check()
    watch_runs(platform, [run])


@app.command(rich_help_panel="Runs")
def show(run: RunId) -> None:
    """Print RUN's spec, and its report (or why it ended) as JSON."""
    from phiforge.runs.not_finite import not_finite_steps
    from phiforge.runs.record import RunStatus
    from phiforge_client.waiting_view import words_of

    platform, run = look_at(run)
    submitted = platform.record.submitted(run)
    status = platform.record.status(run)
    shown: dict[str, Any] = {
        "run": run,
        "status": status,
        "dataset": submitted.dataset,
        "spec": submitted.spec,
    }
    if submitted.tries_steps:
        shown["inner_steps_evaluation"] = "chosen on validation tasks, as the spec gave no number"
    if waits := words_of(platform, run) if status is RunStatus.RUNNING else None:
        shown["status"] = waits
    if wished := submitted.wish.to_json():
        shown["queue"] = wished
    if submitted.parent:
        shown["parent"] = submitted.parent._asdict()
    if status is RunStatus.COMPLETE:
        shown["report"] = platform.record.report(run)
    elif status is not RunStatus.RUNNING:
        shown["reason"] = platform.record.end_reason(run, status)
    elif damaged := platform.record.damaged_report(run):
        shown["reason"] = f"{damaged}; `phiforge resume {run}` has it written again"
    if status is RunStatus.FAILED and (kept := not_finite_steps(platform.store, run)):
        shown["not_finite"] = [found.model_dump() for found in kept]
        shown["replay"] = f"phiforge replay {run}"
    echo_json(shown)


@app.command(rich_help_panel="Runs")
def replay(
    run: RunId,
    version: Annotated[int | None, typer.Option(min=0, help="Which, if there are several; default: the last.")] = None,
) -> None:
    """Compute the job whose loss stopped RUN again, as it was not finite, and print each of its episodes as JSON."""
    from phiforge_client.replay import replay as replay_run

    platform, run = open_at(run)
    echo_json(replay_run(platform, run, version))
