"""Lineage: where φ came from, whether it comes out again, and other ways on from it."""

from typing import Annotated

import typer

from phiforge_client.commands.opening import expect_redis, open_at
from phiforge_client.commands.options import AsJson, Overrides, Quiet, RunId, WatchIt
from phiforge_client.commands.output import answer, console, echo_json, progress, queued, screen

app = typer.Typer()


@app.command(rich_help_panel="Lineage")
def verify(
    run: RunId,
    version: Annotated[int | None, typer.Option(min=0, help="The version to compute again.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All versions, from the first checkpoint on.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compute versions of RUN again, by default those since its last checkpoint but one, and compare every hash."""
    from phiforge_client.lineage_view import print_verified
    from phiforge_client.verification import verify as verify_run

    if every and version is not None:
        raise typer.BadParameter("give --version or --all, not both")
    platform, run = open_at(run)
    with screen(as_json).status("reading") as status:
        verified = verify_run(
            platform, run, version, every=every, report=lambda done: status.update(f"version {done} computed again")
        )
    found = verified._asdict() | {"differences": [each._asdict() for each in verified.differences]}
    answer(found, as_json, [], lambda: print_verified(console, verified))
    if verified.differences:
        raise SystemExit(1)


@app.command(rich_help_panel="Lineage")
def why(
    run: RunId,
    version: Annotated[int | None, typer.Argument(metavar="VERSION", help="A version of φ.")] = None,
    item: Annotated[
        str | None,
        typer.Option(metavar="CLASS", help="Instead: the versions in which this class, or this file, took part."),
    ] = None,
    drawing: Annotated[int | None, typer.Option(min=0, help="With --item: this drawing of the class alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the episodes and source items behind VERSION of RUN; or, with --item, the versions behind which one is."""
    from phiforge_client.lineage_view import print_where, print_why
    from phiforge_client.why import where
    from phiforge_client.why import why as explain

    if (version is None) == (item is None) or (drawing is not None and item is None):
        raise typer.BadParameter("give a VERSION, or --item CLASS and maybe --drawing N")
    platform, run = open_at(run)
    if item is not None:
        found = where(platform, run, item, drawing)
        if as_json:
            echo_json(found.to_json())
        else:
            print_where(console, found)
        return
    assert version is not None
    explained = explain(platform, run, version)
    if as_json:
        echo_json(explained.to_json())
    else:
        print_why(console, explained)


@app.command(rich_help_panel="Lineage")
def branch(
    run: RunId,
    at: Annotated[int, typer.Option("--at", min=0, metavar="VERSION", help="The version to go on from.")],
    set_: Overrides = None,
    watch: WatchIt = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Queue a new run that goes on from VERSION of RUN: to the same φ or, with --set, another way."""
    from phiforge.runs.changing import changed_spec
    from phiforge.spec.read import parse_spec
    from phiforge_client.branching import branch as branch_run

    platform, run = open_at(run)
    expect_redis(platform, otherwise=lambda: parse_spec(changed_spec(platform.run(run), set_ or [])))
    with progress(as_json) as report:
        new = branch_run(platform, run, at, set_ or [], report)
    queued(platform, new, f"queued [bold]{new}[/bold], from version {at} of {run}", watch, as_json)
