"""Results: a page about runs, a comparison of runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from phiforge_client.commands.opening import look
from phiforge_client.commands.output import console, echo_json, say

app = typer.Typer()

Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs' ids, their beginnings or last parts.")]


@app.command(rich_help_panel="Results")
def report(
    run: Runs,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where report.html and its PNGs go.")] = Path(
        "phiforge-report"
    ),
) -> None:
    """Write one HTML page about RUNs with everything in it, and its pictures beside it."""
    from phiforge_client.results.findings import findings
    from phiforge_client.results.page import write_page
    from phiforge_client.run_ids import run_of

    platform = look()
    found = [findings(platform, run_of(platform.record, each)) for each in run]
    say(f"wrote {escape(str(write_page(platform, found, out)))}")


@app.command(rich_help_panel="Results")
def compare(
    run: Runs,
    score: Annotated[
        str | None, typer.Option("--score", metavar="NAME", help="Default: accuracy, or the loss of a regression.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write pictures there too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare RUNs on their test tasks: paired differences, corrected tests, and where their specs differ."""
    from phiforge_client.results.comparison import compared
    from phiforge_client.results.comparison_view import print_comparison, to_json, write_pictures
    from phiforge_client.results.findings import deciding_score, findings, judged_by
    from phiforge_client.run_ids import run_of

    platform = look()
    runs = [run_of(platform.record, each) for each in run]
    if len(set(runs)) < 2:
        raise typer.BadParameter("give at least two runs", param_hint="RUN...")
    found = [findings(platform, each) for each in dict.fromkeys(runs)]
    by = score or deciding_score(found)
    pairs = compared(found, [judged_by(each) for each in found], by)
    if as_json:
        echo_json(to_json(found, pairs, by))
    else:
        print_comparison(console, found, pairs, by)
    for path in write_pictures(out, found, pairs, by) if out and not as_json else []:
        say(f"wrote {escape(str(path))}")
