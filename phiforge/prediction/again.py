"""An existing φ judged again: after other inner steps, on tasks of other shapes, on more of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from phiforge.base.errors import SpecError
from phiforge.learning.learners import Learner
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.scores.accuracy import accuracy
from phiforge.learning.scoring import ChunkScores, score, score_by_steps
from phiforge.learning.start import first_phi
from phiforge.learning.statistics import Estimate, estimate
from phiforge.learning.tried_steps import tried_steps, tries_steps
from phiforge.prediction.calibration import Calibration
from phiforge.prediction.classifier import adapted
from phiforge.prediction.learned import Learned
from phiforge.prediction.material import Material
from phiforge.prediction.opening import chosen_version, learned_of
from phiforge.prediction.validation import FALSE_ACCEPT, Shape
from phiforge.registry import DATA, SCORES
from phiforge.runs.changing import changed_spec, expect_fit
from phiforge.runs.datasets import load_facts
from phiforge.runs.record import Record
from phiforge.runs.run_ids import run_of
from phiforge.runs.store import Store
from phiforge.runs.submitted import RunRecord
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.episodes import Episode

VALIDATION = "validation"


class Judged(NamedTuple):
    """How φ does on the tasks of a split.

    ``scores``: of each its mean and the half width of its 95 % interval, as the run's own evaluators take them;
    ``one_at_a_time``: the accuracy where no query sees another, if the learner is transductive by itself.
    ``inner_steps``: how many the validation tasks chose for unseen tasks, None where they were not asked.
    """

    run: str
    version: int
    split: str
    tasks: int
    n_way: int
    k_shot: int
    n_query: int
    scores: Mapping[str, Estimate]
    transductive: bool
    one_at_a_time: Estimate | None
    inner_steps: int | None
    calibration: Calibration | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return self._asdict() | {
            "scores": {name: each._asdict() for name, each in self.scores.items()},
            "one_at_a_time": self.one_at_a_time._asdict() if self.one_at_a_time else None,
            "calibration": self.calibration.to_json() if self.calibration else None,
        }


def judge_again(
    store: Store, run: str, overrides: Sequence[str] = (), split: str = VALIDATION, version: int | None = None
) -> Judged:
    """Return how a version of a run does on the fixed tasks of a split, with ``section.field=value`` changed.

    Args:
        store: where the run is, and its dataset.
        run: its id, its beginning or its last part.
        overrides: what is changed of its spec: ``learner.inner_steps_evaluation``, ``evaluation.task`` and so on.
        split: ``validation`` or ``test``.
        version: by default the one that did best on the run's own validation tasks.

    Raises:
        SpecError: if the changed spec has problems, or changes the data.
        RunError: if there is no such run or version, or its φ does not fit the changed spec.
    """
    record = Record(store)
    meant = record.run(run_of(record, run))
    spec = _changed(store, meant, overrides)
    judged_at = chosen_version(record, meant) if version is None else version
    learned = learned_of(record, meant._replace(spec=spec), judged_at)
    learned = replace(learned, spec=spec, inner_steps=None)
    learner = learned.learner_for(spec.evaluation_task)
    expect_fit(learned.phi, first_phi(spec, learner), f"version {learned.version} of run {learned.run!r}")
    material = Material(store, meant.dataset) if DATA[spec.data.name].published else None
    tasks = Tasks(spec, pool=material.pool if material else None)
    with as_a_trainer(spec.numerics.threads):
        return _judged(learned, learner, tasks, split, material)


def _changed(store: Store, run: RunRecord, overrides: Sequence[str]) -> RunSpec:
    published = DATA[run.spec.data.name].published
    facts = load_facts(run.dataset, store) if published else None
    known = DatasetFacts(facts.classes, facts.drawings) if facts else DatasetFacts({}, {})
    spec = parse_spec(changed_spec(run, overrides), lambda data: known)
    if spec.data != run.spec.data:
        raise SpecError(
            ["data: φ is judged again on the dataset that its run published: leave it, or submit a run with other data"]
        )
    return spec


def _judged(learned: Learned, learner: Learner, tasks: Tasks, split: str, material: Material | None) -> Judged:
    spec, steps = learned.spec, None
    if tries_steps(spec):
        steps, found = _best_steps(learned, learner, tasks)
        learned = replace(learned, inner_steps=steps)
        learner = learned.learner_for(spec.evaluation_task)
    if steps is None or split != VALIDATION:
        found = _scores(learned, learner, tasks.judged(split), split)
    task = spec.evaluation_task
    shape = Shape(task.n_way, task.k_shot, transductive=False)
    return Judged(
        run=learned.run,
        version=learned.version,
        split=split,
        tasks=len(found.of["loss"]),
        n_way=task.n_way,
        k_shot=task.k_shot,
        n_query=task.n_query,
        scores={name: estimate(values) for name, values in found.of.items()},
        transductive=learner.transductive,
        one_at_a_time=_one_at_a_time(learned, learner, tasks.judged(split)) if learner.transductive else None,
        inner_steps=steps,
        calibration=material.calibration(learned, shape, FALSE_ACCEPT) if material else None,
    )


def _scores(learned: Learned, learner: Learner, chunks: Iterable[Sequence[Episode]], split: str) -> ChunkScores:
    """Return the scores of all tasks, drawn as the run's evaluators would."""
    seed = (learned.spec.evaluation.seed, "judge", split)
    found = [score(learner, learned.phi, episodes, *seed, chunk) for chunk, episodes in enumerate(chunks)]
    return _together(found)


def _best_steps(learned: Learned, learner: Learner, tasks: Tasks) -> tuple[int, ChunkScores]:
    """Return the number of inner steps that does best on the validation tasks, and the scores after it."""
    spec = learned.spec
    tried, seed = tried_steps(spec.learner), (spec.evaluation.seed, "judge", VALIDATION)
    chunks = [
        score_by_steps(learner, learned.phi, episodes, *seed, chunk, steps=tried)
        for chunk, episodes in enumerate(tasks.judged(VALIDATION))
    ]
    found = {steps: _together([chunk[steps] for chunk in chunks]) for steps in tried}
    by = DATA[spec.data.name].chooses_by
    sign = -1 if SCORES[by].higher_is_better else 1
    best = min(tried, key=lambda steps: (sign * estimate(found[steps].of[by]).mean, steps))
    return best, found[best]


def _together(chunks: Sequence[ChunkScores]) -> ChunkScores:
    return ChunkScores({name: [value for chunk in chunks for value in chunk.of[name]] for name in chunks[0].of})


def _one_at_a_time(learned: Learned, learner: Learner, chunks: Iterable[Sequence[Episode]]) -> Estimate:
    values = []
    for episodes in chunks:
        for each in episodes:
            predict = adapted(learner, learned, each.support_x, each.support_y, transductive=False)
            values.append(float(accuracy(predict(each.query_x), each.query_y)))
    return estimate(values)
