"""Predictions for a person, a spreadsheet or a program."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from phiforge.prediction.again import Judged
    from phiforge.prediction.calibration import Calibration
    from phiforge.prediction.classifier import Classifier
    from phiforge.prediction.labelled import Evaluated
    from phiforge.prediction.predictions import Prediction

COLUMNS = ("picture", "label", "probability", "second", "second_probability", "likeliest")


def print_predictions(console: Console, found: Iterable["Prediction"], top: int) -> None:
    """Print a line a picture: what it is, how likely, and what else it may be."""
    for each in found:
        first, *others = [f"{escape(label)} {100 * share:.1f} %" for label, share in each.top(top)]
        answer = f"[bold]{escape(each.answer)}[/bold] (likeliest: {first})" if each.known is False else first
        console.print("  ".join([escape(each.picture), answer, *others]), highlight=False, soft_wrap=True)


def write_csv(path: Path, found: Iterable["Prediction"]) -> None:
    """Write a row a picture: ``label`` is "none of these" where even the ``likeliest`` is not likely enough."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(map(_row, found))


def print_adapted(
    console: Console,
    classifier: "Classifier",
    found: Sequence["Prediction"],
    judged: "Evaluated | None",
    out: Path | None,
) -> None:
    """Print what a classifier says, unless that went to a file, or how it did where the truth was known."""
    if judged is not None:
        print_evaluated(console, judged)
    elif out is None:
        print_predictions(console, found, 3)
    print_explanation(console, classifier)


def print_explanation(console: Console, classifier: "Classifier") -> None:
    """Print how predictions are made, and what they are worth."""
    for line in explanation(classifier):
        console.print(f"[dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)


def explanation(classifier: "Classifier") -> list[str]:
    """Return sentences about how predictions are made, and what they are worth."""
    how = "all pictures together (transductive)" if classifier.transductive else "each picture by itself"
    learned = classifier.learned
    return [
        f"{len(classifier.labels)} classes, {len(classifier.support.x)} pictures learned from; {how}; "
        f"version {learned.version} of {learned.run}",
        *_worth(classifier.calibration),
    ]


def print_evaluated(console: Console, judged: "Evaluated") -> None:
    """Print how a classifier did on labelled pictures."""
    lines = [
        f"accuracy {100 * judged.accuracy:.1f} ± {100 * judged.accuracy_ci95:.1f} % of {judged.pictures} pictures, "
        f"expected calibration error {judged.expected_calibration_error:.3f}",
        *(f"  {escape(label)} {100 * share:.1f} %" for label, share in judged.by_class.items()),
    ]
    if judged.rejected is not None:
        lines.append(f"{100 * judged.rejected:.1f} % of them were said to be none of these")
    if judged.strangers:
        share = "" if judged.strangers_rejected is None else f": {100 * judged.strangers_rejected:.1f} % none of these"
        lines.append(f"{judged.strangers} pictures of other classes{share}")
    for line in lines + [f"[yellow]note:[/yellow] {escape(each)}" for each in judged.remarks]:
        console.print(line, highlight=False, soft_wrap=True)


def print_judged(console: Console, judged: "Judged") -> None:
    """Print how φ does on the tasks of a split."""
    acts = "mean_return" in judged.scores
    task = f"{judged.n_way}-way {judged.k_shot}-shot, {judged.n_query} queries a class"
    if acts:
        task = f"{judged.k_shot} trajectories to learn from, {judged.n_query} to be judged by"
    lines = [f"version {judged.version} of {judged.run}: {judged.tasks} {judged.split} tasks, {task}"]
    lines += [f"  {name} {_spelled(name, each)}" for name, each in judged.scores.items()]
    if judged.inner_steps is not None:
        lines.append(f"  after {judged.inner_steps} inner steps, which the validation tasks chose")
    how = "queries together (transductive)" if judged.transductive else "each query by itself"
    lines += [] if acts else [f"  predicted: {how}"]
    if judged.one_at_a_time is not None:
        lines.append(f"  one query at a time: accuracy {_spelled('accuracy', judged.one_at_a_time)}")
    lines += [f"  {each}" for each in _worth(judged.calibration)] if judged.calibration else []
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)


def as_json(
    classifier: "Classifier", found: Sequence["Prediction"], judged: "Evaluated | None" = None
) -> dict[str, Any]:
    """Return predictions as JSON values, with what they were made by."""
    learned, calibration = classifier.learned, classifier.calibration
    return {
        "run": learned.run,
        "version": learned.version,
        "phi_hash": learned.phi_hash,
        "labels": list(classifier.labels),
        "transductive": classifier.transductive,
        "calibration": calibration.to_json() if calibration else None,
        "predictions": [each.to_json() for each in found],
    } | ({"evaluation": judged.to_json()} if judged else {})


def _row(each: "Prediction") -> list[Any]:
    second, share = (*each.ranked, ("", 0.0))[1]
    return [each.picture, each.answer, f"{each.probability:.6f}", second, f"{share:.6f}", each.label]


def _spelled(name: str, found: tuple[float, float]) -> str:
    mean, ci95 = found
    return f"{100 * mean:.1f} ± {100 * ci95:.1f} %" if name == "accuracy" else f"{mean:.4f} ± {ci95:.4f}"


def _worth(calibration: "Calibration | None") -> list[str]:
    if calibration is None:
        return ["probabilities are the model's own: there are no validation tasks at hand to correct them by"]
    said = [
        f"probabilities corrected on {calibration.tasks} validation tasks of {calibration.n_way} ways, "
        f"{calibration.k_shot} shots: temperature {calibration.temperature:.2f}, expected calibration error "
        f"{calibration.error_before:.3f} before, {calibration.error:.3f} after"
    ]
    if calibration.threshold is not None and calibration.false_reject is not None:
        said.append(
            f"none of these: told so that {100 * calibration.false_accept:.0f} % of other classes' pictures pass; on "
            f"validation tasks {100 * (calibration.false_accept_found or 0):.0f} % did, and "
            f"{100 * calibration.false_reject:.0f} % of the right classes' pictures did not"
        )
    return said
