"""Predictions: what was learned, used on a person's own pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.markup import escape

from phiforge.base.environment import read_settings
from phiforge_client.commands.options import AsJson, Overrides, Quiet, RunId
from phiforge_client.commands.output import answer, console, say, screen

if TYPE_CHECKING:
    from phiforge.prediction.classifier import Classifier
    from phiforge.prediction.labelled import Evaluated
    from phiforge.prediction.predictions import Prediction

app = typer.Typer()

Learned = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, its beginning or its last part; or an exported folder.")
]
SupportDir = Annotated[
    Path,
    typer.Option("--support", metavar="DIR", help="A few pictures of each class: one folder a class, or an archive."),
]
OfVersion = Annotated[int | None, typer.Option(min=0, help="Of a run; default: the best on its validation tasks.")]
Transductive = Annotated[
    bool, typer.Option("--transductive", help="Normalise all pictures together: the answer for one depends on others.")
]
FalseAccept = Annotated[
    float | None,
    typer.Option(metavar="SHARE", help="Tell pictures of none of these: all but this share of them, say 0.05."),
]


class How(NamedTuple):
    """How a run is adapted, as options say."""

    version: int | None
    transductive: bool
    false_accept: float | None


@app.command(rich_help_panel="Predictions")
def predict(
    run: Learned,
    support: SupportDir,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Pictures, or folders of them.")],
    top: Annotated[int, typer.Option(min=1, help="So many labels of each picture.")] = 3,
    version: OfVersion = None,
    transductive: Transductive = False,
    false_accept: FalseAccept = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what PICTURES are, by what RUN learned and a few pictures of each class: labels with probabilities."""
    from phiforge.prediction.pictures import files_in
    from phiforge_client.prediction_view import as_json as values
    from phiforge_client.prediction_view import print_explanation, print_predictions

    files = [file for each in pictures for file in (files_in(each) if each.is_dir() else [each])]
    classifier = _adapted(run, support, How(version, transductive, false_accept), as_json)
    found = classifier.predict(files)

    def show() -> None:
        print_predictions(console, found, top)
        print_explanation(console, classifier)

    answer(values(classifier, found), as_json, [each.answer for each in found], show)


@app.command(rich_help_panel="Predictions")
def adapt(
    run: Learned,
    support: SupportDir,
    query: Annotated[
        Path | None,
        typer.Option("--query", metavar="DIR", help="Pictures to predict; with --evaluate in folders of classes."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the predictions as CSV.")] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="The folders of --query are the truth: judge by it.")
    ] = False,
    onnx: Annotated[
        Path | None,
        typer.Option("--onnx", metavar="FILE", help="Write the classifier as ONNX."),
    ] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="FOLDER", help="Keep the classifier.")] = None,
    version: OfVersion = None,
    transductive: Transductive = False,
    false_accept: FalseAccept = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Adapt what RUN learned to the classes of --support: predict all of --query, judge it, or keep the classifier."""
    from phiforge_client.prediction_view import as_json as values
    from phiforge_client.prediction_view import print_adapted, write_csv

    if query is None and (evaluate or out is not None or (save is None and onnx is None)):
        raise typer.BadParameter("give --query DIR, what to predict, or where to keep the classifier: --save or --onnx")
    classifier = _adapted(run, support, How(version, transductive, false_accept), as_json)
    _keep(classifier, save, onnx)
    found, judged = _answered(classifier, query, evaluate)
    if out is not None:
        write_csv(out, found)
    kept = [(f"{len(found)} predictions", out), ("the classifier", save), ("the classifier as ONNX", onnx)]

    def show() -> None:
        print_adapted(console, classifier, found, judged, out)
        for what, where in kept:
            if where is not None:
                say(f"{what} in {escape(str(where))}")

    answer(values(classifier, found, judged), as_json, [each.answer for each in found], show)


def _adapted(run: str, support: Path, how: How, as_json: bool) -> "Classifier":
    """Return what RUN learned, adapted to a support set, while a person is told what takes so long."""
    from phiforge.prediction.opening import load

    with screen(as_json).status("adapting, and calibrating on validation tasks"):
        model = load(run, how.version, settings=read_settings())
        return model.adapt(support, transductive=how.transductive, false_accept=how.false_accept)


def _answered(
    classifier: "Classifier", query: Path | None, evaluate: bool
) -> tuple[list["Prediction"], "Evaluated | None"]:
    """Return the predictions for all of a folder, and how good they are if its folders are the truth."""
    from phiforge.prediction.labelled import evaluate as judge
    from phiforge.prediction.support import support_of

    if query is None:
        return [], None
    if not evaluate:
        return classifier.predict(query), None
    judged, found = judge(classifier, support_of(query, classifier.learned))
    return found, judged


def _keep(classifier: "Classifier", save: Path | None, onnx: Path | None) -> None:
    if save is not None:
        classifier.save(save)
    if onnx is not None:
        from phiforge.prediction.onnx_file import write_onnx

        write_onnx(classifier, onnx)


@app.command(rich_help_panel="Predictions")
def evaluate(
    run: RunId,
    set_: Overrides = None,
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="validation; or test, which is best looked at once.")
    ] = "validation",
    version: OfVersion = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge what RUN learned again, here and now: after other inner steps, with other ways, shots, or more tasks."""
    from phiforge.prediction.again import judge_again
    from phiforge.runs.store import open_store
    from phiforge_client.prediction_view import print_judged

    if split not in ("validation", "test"):
        raise typer.BadParameter(f"--split {split}: allowed are validation and test")
    with screen(as_json).status("judging"):
        judged = judge_again(open_store(read_settings(), make=False), run, set_ or [], split, version)
    answer(judged.to_json(), as_json, [], lambda: print_judged(console, judged))


@app.command(rich_help_panel="Predictions")
def export(
    run: Learned,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where; made if it is not there.")],
    version: OfVersion = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write what RUN learned into one folder: φ, spec, preprocessing and a model card; `phiforge predict` takes it."""
    from phiforge.prediction.exporting import export as export_model
    from phiforge.prediction.opening import load

    with screen(as_json).status("calibrating"):
        files = export_model(load(run, version, settings=read_settings()), out)
    said = f"exported to {escape(str(out))}: {', '.join(each.name for each in files)}"
    answer({"files": [str(each) for each in files]}, as_json, [str(out)], lambda: say(said))


@app.command(rich_help_panel="Predictions")
def serve(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, or exported folders.")],
    host: Annotated[str, typer.Option(help="Where it listens; others than this machine need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of it.")] = 8000,
    tasks: Annotated[int, typer.Option(min=1, help="Tasks at a time.")] = 1000,
    hours: Annotated[float, typer.Option(min=0.0, help="How long a task lives.")] = 24.0,
    megabytes: Annotated[int, typer.Option(min=1, help="Of one request.")] = 32,
    look: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How often it looks for a better version of a RUN.")
    ] = 5.0,
) -> None:
    """Serve what RUNS learned over HTTP, with a page to try it: support sets in, predictions out; until Ctrl-C.

    A run may still be trained: new tasks get its best version so far.
    """
    from phiforge.prediction.following import served
    from phiforge.runs.store import open_store
    from phiforge_client.extras import expect_extra

    expect_extra("serve", "fastapi", "uvicorn", "python_multipart")
    from phiforge_server.limits import Limits
    from phiforge_server.serving import serve as serve_models

    settings = read_settings()
    store = open_store(settings, make=False)
    models = [served(run, store, settings.device) for run in runs]
    limits = Limits(request_bytes=megabytes * 2**20, tasks=tasks, task_seconds=3600 * hours, look_seconds=look)
    say(f"serving {', '.join(model.run for model in models)} on http://{host}:{port}")
    serve_models(models, store, host, port, settings.serve_key.get_secret_value(), limits)
