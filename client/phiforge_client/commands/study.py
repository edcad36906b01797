"""Studies: submit, look, and what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from phiforge_client.commands.opening import expect_redis, look, open_platform
from phiforge_client.commands.options import AsJson, Overrides, Priority, Quiet, StudyFile, StudyId
from phiforge_client.commands.output import answer, console, echo_json, progress, say, screen, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from phiforge.fleet.platform import Platform
    from phiforge.runs.platform import RunPlatform
    from phiforge_client.studies.view import StudyView

app = typer.Typer(help="Searches for the best run of a kind: the machine tries, and keeps what it finds.")


@app.command()
def submit(
    study: StudyFile,
    set_: Overrides = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and watch the study until it is over.")] = False,
    priority: Priority = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check STUDY, publish its datasets and let services go on with it; a bad one is refused with all its problems."""
    from phiforge_client.studies.submission import read_study, submit_study

    platform = open_platform()
    spec = read_study(study, set_ or [])
    expect_redis(platform)
    with progress(as_json) as report:
        submitted = submit_study(platform, spec, report, priority)
    said = f"submitted [bold]{submitted}[/bold]; see it with `phiforge study watch {submitted}`"
    if watch:
        if not as_json:
            say(said)
        _watch(platform, submitted, as_json)
    else:
        answer({"study": submitted}, as_json, [submitted], lambda: say(said))


@app.command("list")
def list_(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List every study, in order of submission."""
    from phiforge_client.studies.table import print_studies
    from phiforge_client.studies.view import all_studies, to_json

    platform = look()
    views, unreadable = all_studies(platform)

    def print_all() -> None:
        if views:
            print_studies(console, views)
        elif not unreadable:
            say(f"there is no study in {escape(platform.store.url)}; `phiforge study submit` begins one")

    answer([to_json(view) for view in views], as_json, [view.record.study for view in views], print_all)
    for study, why in unreadable.items():
        warn(f"{study} cannot be read: {why}")


@app.command()
def watch(study: StudyId, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Watch STUDY until it is over; Ctrl-C stops watching, not the study."""
    platform = look()
    _watch(platform, _id_of(platform, study), as_json)


@app.command()
def show(study: StudyId, as_json: AsJson = False) -> None:
    """Show how STUDY stands, and each of its trials."""
    from phiforge_client.studies.table import print_study
    from phiforge_client.studies.view import to_json

    view = _view(study)
    if as_json:
        echo_json(to_json(view))
    else:
        print_study(console, view)


@app.command()
def best(
    study: StudyId,
    trial: Annotated[int | None, typer.Option("--trial", min=0, help="Of another trial: by its number.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the spec of the best trial of STUDY, to be submitted: `phiforge study best STUDY > found.yaml`."""
    import yaml

    from phiforge_client.studies.findings import best_spec

    spec = best_spec(_view(study), trial)
    answer(yaml.safe_load(spec), as_json, [], lambda: typer.echo(spec, nl=False))


@app.command()
def why(
    study: StudyId,
    trial: Annotated[int | None, typer.Argument(metavar="TRIAL", min=0, help="Its number; default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why each trial of STUDY ended as it did: who was stopped when, and why; and how the study ended."""
    from phiforge_client.studies.findings import reasons

    view = _view(study)
    lines = list(reasons(view, trial))
    if view.over and trial is None:
        lines.append(f"the study is {view.status}: {view.reason}")
    answer(lines, as_json, [], lambda: say(escape("\n".join(lines))))


@app.command()
def export(
    study: StudyId,
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Default: one called as the study.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write STUDY to FOLDER: trials.csv, study.json, PNGs of what it found, and study.html, which holds them all."""
    from phiforge_client.studies.export import export as export_study

    view = _view(study)
    files = [str(path) for path in export_study(view, folder or Path(view.record.study))]
    answer({"files": files}, as_json, files, lambda: say(escape("\n".join(files))))


@app.command()
def cancel(study: StudyId, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """End STUDY, and those of its trials that go on; `phiforge study resume` lets all go on."""
    from phiforge_client.studies.steering import cancel_study

    meant = _steered(study, cancel_study)
    said = f"cancelled {meant}; `phiforge study resume {meant}` lets it go on"
    answer({"cancelled": meant}, as_json, [meant], lambda: say(said))


@app.command()
def resume(study: StudyId, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Let a cancelled or failed STUDY go on: to the same proposals and results as if it had never stopped."""
    from phiforge_client.studies.steering import resume_study

    meant = _steered(study, resume_study)
    answer({"resumed": meant}, as_json, [meant], lambda: say(f"resumed {meant}"))


def _steered(study: str, move: "Callable[[Platform, str], None]") -> str:
    """Let ``move`` be done to the study that is meant, and return its id."""
    platform = open_platform()
    meant = _id_of(platform, study)
    expect_redis(platform)
    move(platform, meant)
    return meant


def _watch(platform: "RunPlatform", study: str, as_json: bool) -> None:
    """Watch a study, as JSON only once it is over; exit code 1 if it failed, 130 if Ctrl-C ended the watching."""
    from phiforge_client.studies.view import to_json
    from phiforge_client.studies.watching import watch_study

    try:
        view = watch_study(platform, study, screen(as_json))
    except KeyboardInterrupt:
        console.print("stopped watching; the study goes on")
        raise SystemExit(130) from None
    if as_json:
        echo_json(to_json(view))
    if view.status == "failed":
        raise SystemExit(1)


def _view(given: str) -> "StudyView":
    from phiforge_client.studies.view import view_of_study

    platform = look()
    return view_of_study(platform, _id_of(platform, given))


def _id_of(platform: "RunPlatform", given: str) -> str:
    from phiforge.base.errors import StudyError
    from phiforge.runs.run_ids import Kind, the_one
    from phiforge.runs.studies.record import Studies

    kind = Kind("study", "phiforge study list", platform.store.url)
    return the_one(given, Studies(platform.store).all, kind, StudyError)
