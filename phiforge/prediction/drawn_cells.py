"""Architectures drawn from the policy in φ, each judged with the weights that all share: the end of a search by draws.

Pham et al. 2018, section 2.3: several are drawn from the trained policy, and the best with shared weights is trained
from the start. Li and Talwalkar 2019, section 3.2, draw them at random.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phiforge.base.errors import RunError
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner
from phiforge.learning.learners.bases.architecture import architecture_entries
from phiforge.learning.networks.bases.policy import alike, drawn
from phiforge.learning.networks.bases.relaxed import Choices, certain
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.scoring import score
from phiforge.learning.statistics import Estimate, estimate
from phiforge.prediction.learned import Learned
from phiforge.prediction.opening import learned_of, material_of
from phiforge.registry import ESTIMATORS
from phiforge.runs.record import Record, RunStatus
from phiforge.runs.store import Store
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.episodes import Episode

_SPLIT = "validation"


class DrawnCell(NamedTuple):
    """One architecture that was drawn: as a learner reports it, how often, and how it does with shared weights."""

    architecture: Mapping[str, Any]
    draws: int
    accuracy: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values: the operation of each edge by type of cell, and the figures."""
        edges = {
            kind: {edge: found["operation"] for edge, found in each.items()}
            for kind, each in self.architecture["edges"].items()
        }
        return {"edges": edges, "draws": self.draws, "accuracy": self.accuracy.mean, "ci95": self.accuracy.ci95}


class Drawing(NamedTuple):
    """What was drawn of a run's best version: the cells, best first, judged on so many validation tasks."""

    run: str
    version: int
    tasks: int
    cells: Sequence[DrawnCell]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict() | {"cells": [each.to_json() for each in self.cells]}


def drawn_cells(store: Store, run: str, draws: int, tasks: int | None = None) -> Drawing:
    """Return architectures that the policy of a run's best version draws, best first by the run's validation tasks.

    Args:
        store: where the run is, and its dataset.
        run: its whole id.
        draws: how many are drawn; one that comes several times is judged once.
        tasks: how many validation tasks judge each; by default as many as the run has.

    Raises RunError if the run is not complete, or its φ holds no architecture.

    Example::

        best = drawn_cells(store, run, draws=50).cells[0]
        best.architecture["learner"]   # the learner on the discrete network, as a spec names it
    """
    record = Record(store)
    meant = record.run(run)
    if (status := record.status(run)) is not RunStatus.COMPLETE:
        raise RunError(f"run {run!r} is {status.value}, so it has found nothing yet; `phiforge show {run}` says more")
    learned = learned_of(record, meant, int(record.report(run)["best_version"]))
    if not architecture_entries(learned.phi):
        raise RunError(
            f"φ of run {run!r} holds no architecture to draw, as its learner's network is another than 'relaxed_cell'; "
            "`phiforge explain estimator.enas` says more"
        )
    spec = _judging(learned.spec, tasks)
    material = material_of(store, meant)
    with as_a_trainer(spec.numerics.threads):
        chunks = list(Tasks(spec, pool=material.pool if material else None).judged(_SPLIT))
        found = _judged(learned, chunks, _distinct(learned, draws))
    ordered = sorted(found, key=lambda each: -each.accuracy.mean)
    return Drawing(run, learned.version, spec.evaluation.validation_tasks, ordered)


def _judging(spec: RunSpec, tasks: int | None) -> RunSpec:
    """Return the spec with so many validation tasks; the first ones are always the same."""
    evaluation = spec.evaluation.model_copy(update={} if tasks is None else {"validation_tasks": tasks})
    return spec.model_copy(update={"evaluation": evaluation})


def _distinct(learned: Learned, draws: int) -> list[tuple[Choices, int]]:
    """Return what was drawn, and how often."""
    logits, part = architecture_entries(learned.phi), ESTIMATORS[learned.spec.estimator.name]
    policy = alike(logits) if part.indifferent(learned.spec.estimator) else logits
    every = [drawn(policy, torch_generator(learned.spec.seed, "cell", draw)) for draw in range(draws)]
    names = [tuple((name, *places.tolist()) for name, places in each.items()) for each in every]
    counts, first = Counter(names), dict(zip(reversed(names), reversed(every), strict=True))
    return [(first[name], count) for name, count in counts.items()]


def _judged(
    learned: Learned, chunks: Sequence[Sequence[Episode]], choices: Sequence[tuple[Choices, int]]
) -> list[DrawnCell]:
    learner = learned.learner_for(learned.spec.evaluation_task)
    found = []
    for choice, count in choices:
        phi = learned.phi | certain(learned.phi, choice)
        architecture = learner.architecture(phi)
        assert architecture is not None
        found.append(DrawnCell(architecture, count, _accuracy(learner, phi, chunks, learned.spec.evaluation.seed)))
    return found


def _accuracy(learner: Learner, phi: Mapping[str, Any], chunks: Sequence[Sequence[Episode]], seed: int) -> Estimate:
    per_chunk = [score(learner, phi, chunk, seed, "judge", _SPLIT, place) for place, chunk in enumerate(chunks)]
    return estimate([value for each in per_chunk for value in each.of["accuracy"]])
