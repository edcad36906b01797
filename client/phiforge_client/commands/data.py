"""Data: a person's own pictures, looked at before they are learned from; and the datasets that are published."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from phiforge.base.environment import read_settings
from phiforge_client.commands.opening import look, open_platform
from phiforge_client.commands.options import AsJson, Overrides, Quiet, SpecFile, Trainers, Yes
from phiforge_client.commands.output import answer, console, progress, say, say_where, warn
from phiforge_client.ready_made import found_or_ready_made

if TYPE_CHECKING:
    from phiforge_client.data.inspection import Inspection

app = typer.Typer()
group = typer.Typer(name="data", help="Your own pictures, and published datasets.", no_args_is_help=True)
app.add_typer(group, rich_help_panel="Data")


Place = Annotated[
    Path | None, typer.Argument(metavar="PLACE", help="A folder, zip or tar of pictures; default: PHIFORGE_IMAGES.")
]
Labels = Annotated[
    str, typer.Option("--labels", metavar="FILE", help="A table among the pictures: CSV, .jsonl or COCO's .json.")
]
GroupBy = Annotated[
    str,
    typer.Option(
        "--group-by", metavar="LEVEL", help="Groups that stay in one split: 1 is the folder around a class's."
    ),
]


@group.command("inspect")
def inspect_(
    place: Annotated[
        Path | None,
        typer.Argument(
            metavar="PLACE", help="Pictures (folder, zip, tar) or vectors (.npz or .safetensors); or PHIFORGE_IMAGES."
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write a PNG of pictures as the network sees them.")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="FILE", help="Write the suggested spec, rather than print it.")
    ] = None,
    labels: Labels = "",
    group_by: GroupBy = "",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Look at your own pictures or vectors: all that is wrong, what they carry, a spec; 1 if submit would refuse."""
    from phiforge.tasks.datasets.bases.vectors.reading import is_vectors
    from phiforge_client.data.inspection import inspect, write_contact_sheet

    if place and is_vectors(place):
        _expect_no_options_of_pictures(place, {"--sheet": sheet, "--labels": labels, "--group-by": group_by})
        _inspect_vectors(place, spec, as_json)
        return

    settings = read_settings()
    with progress(as_json) as report:
        inspection = inspect(settings, place, report, labels, _level(group_by))
    shown = write_contact_sheet(settings, inspection, sheet) if sheet else 0
    if spec:
        _write_spec(_text_of(inspection), spec)
    answer(inspection.to_json(), as_json, inspection.found.problems, lambda: _tell(inspection, spec))
    if sheet and not as_json:
        say(f"{shown} classes, as the network sees them: {escape(str(sheet))}")
    if inspection.found.problems:
        raise SystemExit(1)


@group.command()
def suggest(
    place: Place = None,
    minutes: Annotated[float, typer.Option(min=1.0, help="How long its run may take.")] = 15.0,
    trainers: Trainers = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the spec there, rather than print it.")
    ] = None,
    labels: Labels = "",
    group_by: GroupBy = "",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print a spec by which pictures of your own are learned well in MINUTES, by the speed of this machine."""
    from phiforge.base.errors import DataError
    from phiforge.tasks.datasets.bases.vectors.reading import is_vectors
    from phiforge_client.data.budget import FEWEST, Budget, measured_seconds
    from phiforge_client.data.inspection import inspect
    from phiforge_client.data.suggestion import as_yaml, no_task
    from phiforge_client.embedded import cores

    if place and is_vectors(place):
        raise DataError(f"{place} holds vectors: `phiforge data inspect {place}` suggests a spec for them")
    budget = Budget(minutes, trainers or cores())
    with progress(as_json) as report:
        found = inspect(read_settings(), place, report, labels, _level(group_by), budget, measured_seconds)
    if found.spec is None:
        raise DataError(no_task("pictures"))
    if found.spec["outer"]["versions"] == FEWEST:
        warn(f"{FEWEST} versions are the fewest that are suggested; they may take longer than --minutes {minutes:g}")
    text = as_yaml(found.spec, found.found, f"phiforge data suggest --minutes {minutes:g}")
    if out:
        _write(text, out)
    said = f"PHIFORGE_IMAGES={escape(str(found.found.place.resolve()))} phiforge submit {escape(str(out))}"
    answer(found.spec, as_json, [], lambda: say(said) if out else typer.echo(text, nl=False))


@group.command()
def publish(spec: SpecFile, set_: Overrides = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Publish the dataset of SPEC without a run, as `phiforge submit` would; one that is there stays as it is."""
    from phiforge.runs.datasets import prepare
    from phiforge.spec.read import parse_spec, read_spec

    run, platform = parse_spec(read_spec(found_or_ready_made(spec), set_ or [])), open_platform()
    with progress(as_json) as report:
        facts = prepare(run.data, platform.settings, platform.store, report)
    classes = ", ".join(f"{count} {split}" for split, count in facts.classes.items())
    said = f"dataset {facts.digest[:12]} is published in {escape(platform.store.url)}: {classes} classes"
    none = f"the tasks of data {run.data.name!r} are drawn from a formula: there is nothing to publish"
    found = {"dataset": facts.digest, "classes": dict(facts.classes)}
    answer(found, as_json, [facts.digest], lambda: say(said if facts.classes else none))


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
    from phiforge_client.data.suggestion import as_yaml, no_task
    from phiforge_client.data.view import print_inspection

    print_inspection(console, inspection)
    if inspection.spec is None:
        say(no_task("pictures"))
    elif written:
        place = escape(str(inspection.found.place.resolve()))
        say(f"the suggested spec: PHIFORGE_IMAGES={place} phiforge submit {escape(str(written))}")
    else:
        say("the suggested spec, which --spec FILE writes:")
        typer.echo(as_yaml(inspection.spec, inspection.found), nl=False)


def _level(group_by: str) -> int | str:
    """Return a level of folders, or the name of a column."""
    return int(group_by) if group_by.isdecimal() else group_by or 0


def _expect_no_options_of_pictures(place: Path, options: dict[str, object]) -> None:
    from phiforge.base.errors import DataError

    if given := [name for name, value in options.items() if value]:
        raise DataError(f"{place} holds vectors, and {', '.join(given)} is of pictures alone: leave it out")


def _inspect_vectors(place: Path, spec: Path | None, as_json: bool) -> None:
    from phiforge_client.data.suggestion import no_task
    from phiforge_client.data.vectors import inspect_vectors, print_vectors, spec_text

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
        elif not found.problems:
            say(no_task("vectors"))

    answer(found.to_json(), as_json, found.problems, tell)
    if found.problems:
        raise SystemExit(1)


def _text_of(inspection: "Inspection") -> str:
    from phiforge_client.data.suggestion import as_yaml

    return as_yaml(inspection.spec, inspection.found) if inspection.spec else ""


def _write_spec(text: str, file: Path) -> None:
    """Write a suggested spec into a new file; nothing if nothing could be suggested."""
    if text:
        _write(text, file)


def _write(text: str, file: Path) -> None:
    from phiforge.base.errors import DataError

    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise DataError(f"{file} is there already: name another file for the spec, or delete it") from None
