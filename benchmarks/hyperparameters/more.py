"""More numbers than three, by the gradient alone: a rate and a decay a layer, and the prior of the normalisation."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.hyperparameters.question import NETWORK, STEPS, Question
from benchmarks.page import say, table
from phiforge.learning.meta_training import judge, meta_train
from phiforge.learning.statistics import estimate

PRIOR = NETWORK | {"norm": "prior"}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "a rate and a decay for the network, a smoothing": {},
    "a rate and a decay a layer, a smoothing": {"per": "layer"},
    "the first, and the prior of the normalisation": {"network": PRIOR},
    "the second, and the prior of the normalisation": {"per": "layer", "network": PRIOR},
}
META_BATCH = 4
OUTER: Mapping[str, Any] = {"lr": 0.1, "clip_norm": None, "optimizer": {"name": "adam"}}
"""As of the way of the hypergradient."""
TEXT = """
## More numbers, by the gradient

The same question and tasks, hypergradient alone: numbers for each layer, and means and variances that batch
normalisation is drawn towards (`norm: prior`). No study was asked for so many.
"""

Found = Mapping[str, Sequence[Mapping[str, float]]]


def found(folder: Path, question: Question) -> Mapping[str, Mapping[str, float]]:
    """Return, for each variant, how many numbers φ has and what they come to; nothing is computed twice."""
    return {name: _kept(folder, name, changes, question) for name, changes in VARIANTS.items()}


def written(rows: Mapping[str, Found]) -> Iterator[str]:
    """Yield the section."""
    yield TEXT
    columns = ("dataset", "what is learned", "numbers", "accuracy", "query loss")
    yield from table(
        columns, (_row(dataset, name, each) for dataset, ways in rows.items() for name, each in ways.items())
    )


def _row(dataset: str, name: str, seeds: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    accuracy = estimate([100 * each["accuracy"] for each in seeds])
    loss = estimate([each["loss"] for each in seeds])
    numbers = f"{seeds[0]['numbers']:,.0f}"
    return (
        dataset,
        name,
        numbers,
        f"{accuracy.mean:.1f} ± {accuracy.ci95:.1f} %",
        f"{loss.mean:.3f} ± {loss.ci95:.3f}",
    )


def _kept(folder: Path, name: str, changes: Mapping[str, Any], question: Question) -> Mapping[str, float]:
    place = list(VARIANTS).index(name)
    size = f"{question.size.budget}-{question.size.judged}"
    path = folder / f"{question.dataset}-{size}" / f"more-{place}-{question.seed}.json"
    if not path.exists():
        say(f"{question.dataset}, {name}, seed {question.seed}")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(_trained(changes, question)))
        partial.replace(path)
    return dict(json.loads(path.read_text()))


def _trained(changes: Mapping[str, Any], question: Question) -> dict[str, float]:
    length = {"meta_batch": META_BATCH, "job_size": META_BATCH, "versions": question.size.budget // META_BATCH}
    start = question.spec({}).learner.model_dump(mode="json")
    learner = {name: start[name] for name in ("name", "network", "inner_lr", "weight_decay", "label_smoothing", *STEPS)}
    spec = question.spec({"learner": learner | dict(changes), "outer": {**OUTER, **length}})
    *_, last = meta_train(spec, question.tasks_of(spec).training)
    scores = judge(spec, last.phi, question.judged)
    numbers = sum(value.numel() for value in last.phi.values())
    return {"numbers": numbers, "accuracy": scores["accuracy"].mean, "loss": scores["loss"].mean}
