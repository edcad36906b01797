"""Data: a person's own pictures, looked at before they are learned from; and the datasets that are published."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from phiforge.base.environment import read_settings
from phiforge_client.commands.opening import look, open_platform
from phiforge_client.commands.options import AsJson, Quiet, Yes
from phiforge_client.commands.output import answer, console, progress, say, say_where

if TYPE_CHECKING:
    from phiforge_client.data.inspection import Inspection

app = typer.Typer()
group = typer.Typer(name="data", help="Your own pictures, and published datasets.", no_args_is_help=True)
app.add_typer(group, rich_help_panel="Data")


@group.command("inspect")
def inspect_(
    place: Annotated[
        Path | None,
        typer.Argument(
            metavar="PLACE",
            help="Pictures (a folder, zip or tar) or vectors (.npz); default: PHIFORGE_IMAGES.",
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write a PNG of pictures as the network sees them.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="FILE", help="Write the suggested spec, rather than print it.")
    ] = None,
    labels: Annotated[
        str, typer.Option("--labels", metavar="FILE", help="A CSV among the pictures, of columns path and label.")
    ] = "",
    group_by: Annotated[
        str,
        typer.Option(
            "--group-by", metavar="LEVEL", help="Groups that stay in one split: 1 is the folder around a class's."
        ),
    ] = "",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Look at your own pictures or vectors: all that is wrong, what they carry, a spec; 1 if submit would refuse."""
    from phiforge.tasks.datasets.bases.vectors.reading import is_vectors
    from phiforge_client.data.inspection import inspect, write_contact_sheet

    if place and is_vectors(place):
        _inspect_vectors(place, sheet, spec, as_json)
        return

    settings = read_settings()
    with progress(as_json) as report:
        by = int(group_by) if group_by.isdecimal() else group_by
        inspection = inspect(settings, place, report, labels, by or 0)
    shown = write_contact_sheet(settings, inspection, sheet) if sheet else 0
    if spec:
        _write_spec(_text_of(inspection), spec)
    answer(inspection.to_json(), as_json, inspection.found.problems, lambda: _tell(inspection, spec))
    if sheet and not as_json:
        say(f"{shown} classes, as the network sees them: {escape(str(sheet))}")
    if inspection.found.problems:
        raise SystemExit(1)


@group.command("list")
def list_(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the datasets that are published, their size, and how many runs need each."""
    from phiforge.runs.published import published
    from phiforge_client.data.view import print_datasets

    platform = look()
    found, where = published(platform.record), platform.store.url

    def show() -> None:
        if not found:
            say(f"no dataset is published in {escape(where)}; `phiforge submit` publishes that of its run")
            return
        print_datasets(console, found)
        say_where(where)

    answer([each.to_json() for each in found], as_json, [each.digest for each in found], show)


@group.command("remove")
def remove_(
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="Digests, or their first letters.")],
    yes: Yes = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Remove published datasets that no run needs; what other datasets share stays."""
    from phiforge.runs.published import expect_unneeded, meant, published, remove

    platform = open_platform()
    there = published(platform.record)
    going = [meant(there, given) for given in datasets]
    for each in going:
        expect_unneeded(each)
    if not yes:
        typer.confirm(f"Remove {', '.join(each.digest[:12] for each in going)} for good?", abort=True, err=True)
    removed = {each.digest: remove(platform.record, each) for each in going}
    said = f"removed {len(removed)} of {len(there)} datasets: {sum(removed.values())} objects"
    answer({"removed": removed}, as_json, [], lambda: say(f"{said} of {escape(platform.store.url)}"))


def _tell(inspection: "Inspection", written: Path | None) -> None:
    from phiforge_client.data.suggestion import as_yaml
    from phiforge_client.data.view import print_inspection

    print_inspection(console, inspection)
    if inspection.spec is None:
        say("they carry no task: give 3 classes or more, of 2 pictures or more each")
    elif written:
        place = escape(str(inspection.found.place.resolve()))
        say(f"the suggested spec: PHIFORGE_IMAGES={place} phiforge submit {escape(str(written))}")
    else:
        say("the suggested spec, which --spec FILE writes:")
        typer.echo(as_yaml(inspection.spec, inspection.found), nl=False)


def _inspect_vectors(place: Path, sheet: Path | None, spec: Path | None, as_json: bool) -> None:
    from phiforge.base.errors import DataError
    from phiforge_client.data.vectors import inspect_vectors, print_vectors, spec_text

    if sheet:
        raise DataError(f"{place} holds vectors, which no sheet can show: leave --sheet out")
    found = inspect_vectors(place)
    text = spec_text(found) if found.spec else ""
    if spec:
        _write_spec(text, spec)

    def tell() -> None:
        print_vectors(console, found)
        if spec and text:
            of = escape(str(place.resolve()))
            say(f"the suggested spec: PHIFORGE_FEATURES={of} phiforge submit {escape(str(spec))}")
        elif text:
            say("the suggested spec, which --spec FILE writes:")
            typer.echo(text, nl=False)

    answer(found.to_json(), as_json, found.problems, tell)
    if found.problems:
        raise SystemExit(1)


def _text_of(inspection: "Inspection") -> str:
    from phiforge_client.data.suggestion import as_yaml

    return as_yaml(inspection.spec, inspection.found) if inspection.spec else ""


def _write_spec(text: str, file: Path) -> None:
    """Write a suggested spec into a new file; nothing if nothing could be suggested."""
    from phiforge.base.errors import DataError

    if not text:
        return
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise DataError(f"{file} is there already: name another file for the spec, or delete it") from None
