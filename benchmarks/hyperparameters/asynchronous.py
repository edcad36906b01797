"""ASHA in one process: one trial at a time is trained to its next rung.

Who that is has one order (Li et al. 2020, algorithm 2, of one worker): of the highest rung that has somebody who may go
on, whoever was proposed first; a new trial if nobody may.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from benchmarks.hyperparameters.question import MIDDLE, SPACE, Question
from benchmarks.hyperparameters.standing import TRIAL, Standing
from phiforge.search.history import Told, best
from phiforge.search.proposers import Proposer, build_proposer
from phiforge.search.proposers.random import RandomConfig
from phiforge.search.schedulers import Scheduler, build_scheduler
from phiforge.search.schedulers.asha import AshaConfig
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.spec.studies.space import Point


class Trial(NamedTuple):
    """A trial, its summed loss, and its costs at the rungs that it has come to."""

    point: Point
    total: float
    costs: tuple[float, ...]


def asha(question: Question) -> Iterator[Standing]:
    """Yield the best trial after each rung that one comes to."""
    proposer = build_proposer(RandomConfig(), SPACE, question.seed)
    rules = build_scheduler(AshaConfig())
    rungs, trials, spent = (0, *rules.rungs(TRIAL, 0)), dict[int, Trial](), 0
    yield Standing(0, MIDDLE)
    while True:
        number = next_trial(rules, trials, len(rungs) - 1)
        trial = trials.get(number) or proposed(proposer, number)
        first, upto = rungs[len(trial.costs)], rungs[len(trial.costs) + 1]
        spent += upto - first
        if spent > question.size.budget:
            return
        total = trial.total + question.cost(trial.point, first, upto)
        trials[number] = Trial(trial.point, total, (*trial.costs, total / upto))
        found = best([told(number, each, rungs) for number, each in trials.items()])
        if found:
            yield Standing(spent, found.point)


def proposed(proposer: Proposer, number: int) -> Trial:
    """Return a trial that has not been trained."""
    [point] = proposer.propose([], range(number, number + 1))
    return Trial(point, 0.0, ())


def next_trial(rules: Scheduler, trials: Mapping[int, Trial], count: int) -> int:
    """Return who is trained next: whoever may go on from the highest of ``count`` rungs but the last, or a new one."""
    for rung in range(count - 1, 0, -1):
        curves = {number: Curve(each.costs[:rung]) for number, each in trials.items() if len(each.costs) >= rung}
        waiting = {number: curve for number, curve in curves.items() if len(trials[number].costs) == rung}
        others = {number: curve for number, curve in curves.items() if number not in waiting}
        if chosen := rules.choose(waiting, others):
            return chosen[0]
    return len(trials)


def told(number: int, trial: Trial, rungs: tuple[int, ...]) -> Told:
    """Return a trial as a study knows it."""
    return Told(number, number, trial.point, trial.costs[-1], rungs[len(trial.costs)] / rungs[-1])
