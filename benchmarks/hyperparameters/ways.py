"""The ways to an answer. Each yields, as it goes, how many tasks it has trained and what it would answer now."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.hyperparameters.asynchronous import asha
from benchmarks.hyperparameters.population import population_based_training
from benchmarks.hyperparameters.question import MIDDLE, SPACE, Question, point_of
from benchmarks.hyperparameters.standing import GENERATION, TRIAL, Standing, Way
from phiforge.learning.meta_training import meta_train
from phiforge.registry import PROPOSERS, SCHEDULERS
from phiforge.search.history import Told, best
from phiforge.search.proposers import build_proposer
from phiforge.search.schedulers import Scheduler, build_scheduler
from phiforge.spec.studies.space import Point


def by_phi(estimator: dict[str, Any], outer: dict[str, Any], tries: int = 1) -> Way:
    """Return the way of meta-training with φ the hyper-parameters; ``tries``: inner loops that a task is good for."""

    def taken(question: Question) -> Iterator[Standing]:
        versions = question.size.budget // (outer["meta_batch"] * tries)
        whole = outer | {"versions": versions, "job_size": outer["meta_batch"], "clip_norm": None}
        spec = question.spec({"estimator": estimator, "outer": whole})
        for version in meta_train(spec, question.tasks_of(spec).training):
            yield Standing(version.version * outer["meta_batch"] * tries, point_of(version.phi))

    return taken


def by_study(proposer: dict[str, Any], scheduler: dict[str, Any], generation: int = GENERATION) -> Way:
    """Return the way of a study: trials of fixed hyper-parameters, a generation at a time, the best of them so far."""

    def taken(question: Question) -> Iterator[Standing]:
        asked = build_proposer(PROPOSERS[proposer["name"]].Config.model_validate(proposer), SPACE, question.seed)
        rules = build_scheduler(SCHEDULERS[scheduler["name"]].Config.model_validate(scheduler))
        history: list[Told] = []
        spent = 0
        yield Standing(0, MIDDLE)
        while spent + tasks_of(rules, generation) <= question.size.budget:
            first = len(history)
            points = asked.propose(history, range(first, first + generation))
            found = run_generation(question, rules, points, first, generation)
            history += found.told
            spent += found.tasks
            incumbent = best(history)
            if incumbent:
                yield Standing(spent, incumbent.point)

    return taken


def tasks_of(rules: Scheduler, generation: int) -> int:
    """Return how many tasks the trials of a generation take, stopped as the rules say."""
    left, before, total = list(range(generation)), 0, 0
    for rung in rules.rungs(TRIAL, 0):
        total, before = total + len(left) * (rung - before), rung
        left = rules.goes_on(dict.fromkeys(left, 0.0))
    return total


class Generation(NamedTuple):
    """What came of the trials of a generation, and the tasks that they took."""

    told: list[Told]
    tasks: int


def run_generation(question: Question, rules: Scheduler, points: Sequence[Point], first: int, size: int) -> Generation:
    """Train the trials of a generation from rung to rung; each meets the same tasks, in the same order."""
    rungs = rules.rungs(TRIAL, first // size)
    sums, told, spent = dict.fromkeys(range(len(points)), 0.0), {}, 0
    left, before = list(sums), 0
    for place, rung in enumerate(rungs):
        for trial in left:
            sums[trial] += question.cost(points[trial], before, rung)
        spent, before = spent + len(left) * (rung - before), rung
        costs = {trial: sums[trial] / rung for trial in left}
        for trial, cost in costs.items():
            told[trial] = Told(first + trial, first // size, points[trial], cost, rung / rungs[-1])
        left = rules.goes_on(costs) if place + 1 < len(rungs) else []
    return Generation([told[trial] for trial in sorted(told)], spent)


ADAM = {"optimizer": {"name": "adam"}}
WAYS: dict[str, Way] = {
    "hypergradient": by_phi({"name": "backpropagation"}, ADAM | {"lr": 0.1, "meta_batch": 4}),
    "evolution": by_phi(
        {"name": "evolution", "sigma": 0.3, "pairs": 4, "shaping": "centred_ranks"},
        ADAM | {"lr": 0.3, "meta_batch": 2},
        tries=8,
    ),
    "persistent evolution": by_phi(
        {"name": "persistent_evolution", "sigma": 0.3, "pairs": 4, "truncation": 3, "losses": "last"},
        ADAM | {"lr": 0.3, "meta_batch": 2},
        tries=8,
    ),
    "study, random": by_study({"name": "random"}, {"name": "to_the_end"}),
    "study, TPE": by_study({"name": "tpe", "startup": GENERATION}, {"name": "to_the_end"}),
    "study, successive halving": by_study(
        {"name": "random"}, {"name": "successive_halving", "factor": 3, "rungs": 3}, generation=9
    ),
    "study, ASHA": asha,
    "study, PBT": population_based_training,
}
"""Each is taken as it is set here, by thought and before anything was measured. Whoever adds a way of proposing or of
scheduling adds a line: what is there already is not computed again."""
