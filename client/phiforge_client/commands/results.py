"""Results: a page about runs, a comparison of runs, the cell that a run found."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.markup import escape

from phiforge_client import completion
from phiforge_client.commands.opening import look, look_at
from phiforge_client.commands.options import AsJson, Quiet, RunId
from phiforge_client.commands.output import answer, console, say
from phiforge_client.results.trackers import TRACKERS, TrackerName

if TYPE_CHECKING:
    from phiforge.runs.platform import RunPlatform

app = typer.Typer()

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...", help="Ids of runs, their beginnings or last parts; or latest.", autocompletion=completion.runs
    ),
]


@app.command(rich_help_panel="Results")
def report(
    run: Runs,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where report.html and its PNGs go.")] = Path(
        "phiforge-report"
    ),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page about RUNs with everything in it, and its pictures beside it."""
    from phiforge.runs.run_ids import run_of
    from phiforge_client.results.findings import findings
    from phiforge_client.results.page import write_page

    platform = look()
    found = [findings(platform, run_of(platform.record, each)) for each in run]
    page = str(write_page(platform, found, out))
    value = {"page": page, "pictures": sorted(str(path) for path in out.glob("*.png"))}
    answer(value, as_json, [page], lambda: say(f"wrote {escape(page)}"))


@app.command("export-metrics", rich_help_panel="Results")
def export_metrics(
    run: Runs,
    to: Annotated[TrackerName, typer.Option("--to", help="What reads it.")] = TrackerName.TENSORBOARD,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where; default: phiforge-tensorboard or phiforge-mlflow."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Write again as RUNs go on, until all are over.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write what the record holds of RUNs for TensorBoard or MLflow: every version's scores, the test's, the spec."""
    from phiforge.runs.run_ids import run_of
    from phiforge_client.results.exporting import exported, followed

    tracker = TRACKERS[to]
    write, folder = tracker.load(), out or Path(tracker.folder)
    platform = look()
    runs = list(dict.fromkeys(run_of(platform.record, each) for each in run))
    written = (followed if follow else exported)(platform, runs, write, folder)
    files = sorted({str(file) for file in written.values()})
    said = f"wrote {len(written)} of {len(runs)} runs; {escape(tracker.look.format(shlex.quote(str(folder))))}"
    answer({"runs": list(written), "files": files}, as_json, files, lambda: say(said))


@app.command(rich_help_panel="Results")
def compare(
    run: Runs,
    score: Annotated[
        str | None, typer.Option("--score", metavar="NAME", help="Default: accuracy, or else loss or mean_return.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write pictures there too.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare RUNs on their test tasks: paired differences, corrected tests, and where their specs differ."""
    from phiforge.runs.run_ids import run_of
    from phiforge_client.results.comparison import compared
    from phiforge_client.results.comparison_view import print_comparison, to_json, write_pictures
    from phiforge_client.results.findings import deciding_score, findings, judged_by

    platform = look()
    runs = list(dict.fromkeys(run_of(platform.record, each) for each in run))
    if len(runs) < 2:
        raise typer.BadParameter("give at least two runs", param_hint="RUN...")
    found = [findings(platform, each) for each in runs]
    by = score or deciding_score(found)
    pairs = compared(found, [judged_by(each) for each in found], by)
    if out:
        write_pictures(out, found, pairs, by)
    differ = [f"{pair.first} {pair.second}" for pair in pairs if pair.differ]
    answer(to_json(found, pairs, by), as_json, differ, lambda: print_comparison(console, found, pairs, by))


@app.command(rich_help_panel="Results")
def cell(
    run: RunId,
    draws: Annotated[
        int | None,
        typer.Option("--draws", min=1, metavar="N", help="Draw N by the learned policy; take the best by its weights."),
    ] = None,
    tasks: Annotated[
        int | None,
        typer.Option("--tasks", min=2, metavar="M", help="With --draws: validation tasks that judge each; all."),
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw what was found there too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the spec of the network that RUN searched for and found: `phiforge cell RUN > found.yaml`, to submit."""
    import yaml

    from phiforge_client.cells.found import draw_network

    if draws is None and tasks is not None:
        raise typer.BadParameter(f"{tasks} tasks would judge what is drawn: give --draws N too", param_hint="--tasks")
    platform, run = look_at(run)
    found = _likeliest(platform, run) if draws is None else _best_drawn(platform, run, draws, tasks)
    text = found.words + yaml.safe_dump(found.spec, sort_keys=False)
    if png:
        draw_network(found.spec, run, png)
    answer(found.value, as_json, [], lambda: typer.echo(text, nl=False))


class _Found(NamedTuple):
    """A spec of the network that was found, what is said of it in comments, and the answer as JSON."""

    spec: dict[str, Any]
    words: str
    value: dict[str, Any]


def _likeliest(platform: "RunPlatform", run: str) -> _Found:
    from phiforge_client.cells.searched import found_spec, in_words

    spec = found_spec(platform.record, run)
    return _Found(spec, in_words(platform.record.report(run)), spec)


def _best_drawn(platform: "RunPlatform", run: str, draws: int, tasks: int | None) -> _Found:
    from phiforge.prediction.drawn_cells import drawn_cells
    from phiforge_client.cells.drawn import drawn_in_words
    from phiforge_client.cells.searched import trained_spec

    drawing = drawn_cells(platform.store, run, draws, tasks)
    spec = trained_spec(platform.record.submitted(run), drawing.cells[0].architecture["learner"])
    return _Found(spec, drawn_in_words(drawing), {"spec": spec, "drawn": drawing.to_json()})


@app.command(rich_help_panel="Results")
def ui(
    host: Annotated[str, typer.Option(help="Where it listens: an address of this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of it.")] = 8080,
) -> None:
    """Show runs, queue and studies in a browser, read only, until Ctrl-C."""
    from phiforge_client.extras import expect_extra

    expect_extra("serve", "fastapi", "uvicorn")
    from phiforge_client.web.serving import expect_this_machine, serve

    expect_this_machine(host)
    platform = look()
    say(f"showing {escape(platform.store.url)} on http://{host}:{port}")
    serve(platform, host, port)
