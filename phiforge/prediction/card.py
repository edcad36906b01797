"""A model card in the form of the Hugging Face hub: what a model was learned from, how good it is, and its limits."""

from collections.abc import Sequence
from typing import Any

import yaml

from phiforge.prediction.calibration import Calibration
from phiforge.prediction.learned import Learned
from phiforge.registry import LEARNERS

_USE = """```python
import phiforge

model = phiforge.load("{place}")
classifier = model.adapt({{"cat": ["cat1.jpg", "cat2.jpg"], "dog": ["dog1.jpg", "dog2.jpg"]}})
for prediction in classifier.predict(["new1.jpg", "new2.jpg"]):
    print(prediction.picture, prediction.label, prediction.probability)
```"""

_WORTH = (
    "Learned on some validation tasks, one query at a time, and measured on each half of them by what the other teaches"
)


def card(learned: Learned, calibrations: Sequence[Calibration]) -> str:
    """Return the card as Markdown with YAML before it; figures that are not known are left out, and said so."""
    front = yaml.safe_dump(_front(learned), sort_keys=False, allow_unicode=True)
    sections = {
        "Data": _data(learned),
        "How it was judged": _judged(learned),
        "Calibration": _calibration(calibrations),
        "Pictures": _pictures(learned),
        "Use": _USE.format(place="THIS FOLDER"),
        "Limits": _limits(learned),
        "Lineage": _lineage(learned),
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    return f"---\n{front}---\n\n# {learned.run}\n\n{_what(learned)}\n\n{body}\n"


def _front(learned: Learned) -> dict[str, Any]:
    spec, facts = learned.spec, learned.facts
    front: dict[str, Any] = {
        "library_name": "phiforge",
        "pipeline_tag": "image-classification",
        "tags": ["few-shot-learning", "meta-learning", spec.learner.name],
        "datasets": [spec.data.name],
    }
    if "test" not in facts:
        return front
    task = {"type": "image-classification", "name": _shape(learned)}
    data = {"type": spec.data.name, "name": spec.data.name, "split": "test"}
    metric = {"type": "accuracy", "value": round(facts["test"]["accuracy"], 4), "name": "accuracy, mean over tasks"}
    return front | {"model-index": [{"name": learned.run, "results": [_result(task, data, metric)]}]}


def _result(task: dict[str, Any], data: dict[str, Any], metric: dict[str, Any]) -> dict[str, Any]:
    return {"task": task, "dataset": data, "metrics": [metric]}


def _shape(learned: Learned) -> str:
    task = learned.spec.evaluation_task
    return f"{task.n_way}-way {task.k_shot}-shot"


def _what(learned: Learned) -> str:
    spec = learned.spec
    parameters = sum(value.numel() for value in learned.phi.values())
    return (
        f"A few-shot classifier that is made from a few labelled pictures of classes it never saw. Learner "
        f"`{spec.learner.name}`, meta-trained by estimator `{spec.estimator.name}` on {spec.task.n_way}-way "
        f"{spec.task.k_shot}-shot tasks; φ has {parameters:,} numbers."
    )


def _data(learned: Learned) -> str:
    data = learned.spec.data.model_dump(mode="json")
    settings = ", ".join(f"{name} {value}" for name, value in data.items() if name != "name")
    seen = learned.facts.get("tasks_seen")
    return f"Dataset `{data['name']}` ({settings})." + (f" Tasks seen: {seen:,}." if seen is not None else "")


def _judged(learned: Learned) -> str:
    facts, task = learned.facts, learned.spec.evaluation_task
    if "test" not in facts:
        return "The run is not complete, so its test tasks were not looked at: there is no accuracy to give."
    test = facts["test"]
    how = "queries of a task together (transductive)" if facts["transductive"] else "each query by itself"
    other = (
        ""
        if facts["best_version"] == learned.version
        else (f" These figures are of version {facts['best_version']}, this model is version {learned.version}.")
    )
    return (
        f"{_shape(learned)}, {task.n_query} queries a class, {test['tasks']} test tasks of classes that were never "
        f"trained on, looked at once: accuracy {100 * test['accuracy']:.1f} ± {100 * test['accuracy_ci95']:.1f} % "
        f"(95 % interval over tasks). Predicted: {how}.{other}"
    )


def _calibration(calibrations: Sequence[Calibration]) -> str:
    if not calibrations:
        return "None was learned: probabilities are the model's own."
    lines = [
        "| task | accuracy | temperature | expected calibration error before | after | "
        "pictures of other classes that pass, of those wanted | of these classes that do not |",
        "|---|---|---|---|---|---|---|",
        *map(_row, calibrations),
    ]
    return "\n".join([f"{_WORTH}:", "", *lines])


def _row(each: Calibration) -> str:
    shares = [each.false_accept_found, each.false_reject]
    said = [f"{100 * share:.1f} %" if share is not None else "–" for share in shares]
    cells = [
        f"{each.n_way}-way {each.k_shot}-shot ({each.tasks} tasks)",
        f"{100 * each.accuracy:.1f} %",
        f"{each.temperature:.3g}",
        f"{each.error_before:.3f}",
        f"{each.error:.3f}",
        *said,
    ]
    return f"| {' | '.join(cells)} |"


def _pictures(learned: Learned) -> str:
    wanted = learned.wanted
    if wanted is None:
        return f"Inputs are floats in [0, 1] of shape {learned.input_shape}; no picture is made into one."
    colours = "red, green and blue" if wanted.colours else "grey"
    ink = ", with black as 1 and white as 0 (dark ink on light paper)" if wanted.inverted else ""
    return (
        f"Any picture is turned upright, put on white paper where it is transparent, cut to its middle square, made "
        f"{colours} and {wanted.side} x {wanted.side} by a Lanczos filter, and scaled to [0, 1]{ink}."
    )


def _limits(learned: Learned) -> str:
    part = LEARNERS[learned.spec.learner.name]
    ways = (
        "It takes any number of classes; it was trained for"
        if part.any_n_way
        else "It takes this number of classes and no other:"
    )
    return (
        f"{ways} {learned.spec.task.n_way}. It tells the classes of a support set apart, and knows no others. How well "
        "it does on pictures unlike those that it was trained on is not known: judge it on some of your own, with "
        "`phiforge adapt --evaluate`, before you rely on it."
    )


def _lineage(learned: Learned) -> str:
    rows = {
        "run": learned.run,
        "version of φ": str(learned.version),
        "φ (SHA-256 of its tensors)": learned.phi_hash,
        "spec (SHA-256)": learned.spec_hash,
        "dataset (digest)": str(learned.facts.get("dataset", "not known")),
        "bit-reproducible": str(learned.facts.get("bit_reproducible", "not known")),
    }
    return "\n".join(["| what | value |", "|---|---|", *(f"| {name} | `{value}` |" for name, value in rows.items())])
