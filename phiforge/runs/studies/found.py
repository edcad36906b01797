"""What there is of a study at one moment: proposals, results, decisions and marks."""

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import count, takewhile
from typing import Self

from phiforge.runs.studies.outcome import Decision, Proposal, Result, TrialEnd
from phiforge.runs.studies.record import Studies, decision_name, generation_name
from phiforge.search.history import Told, best
from phiforge.search.pareto import front
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.spec.studies.study import Objective, StudySpec

_RESULT = re.compile(r"trials/(\d{5})\.json")


class Found:
    """A study as it was found. It costs a request, and one for each proposal and result that was not read before."""

    def __init__(self, studies: Studies, study: str, names: list[str]) -> None:
        self._studies, self._study, self.names = studies, study, set(names)
        there = takewhile(lambda number: generation_name(number) in self.names, count())
        self.generations = [studies.generation(study, number) for number in there]
        """Up to the first that is missing: it is proposed again, of those before it alone."""
        self._decisions = dict[int, list[Decision]]()
        self.results = {number: studies.result(study, number) for number in _numbers(_RESULT, names)}

    @classmethod
    def of(cls, studies: Studies, study: str) -> Self:
        """Return what there is now; raises FormatError if something is damaged."""
        return cls(studies, study, studies.names(study))

    @cached_property
    def proposals(self) -> list[Proposal]:
        """All trials, in order of number."""
        return [proposal for generation in self.generations for proposal in generation]

    @property
    def open(self) -> list[Proposal]:
        """The trials that are not over."""
        return [proposal for proposal in self.proposals if proposal.number not in self.results]

    def decisions_of(self, generation: int) -> list[Decision]:
        """Return who went on from each rung of a generation, in order."""
        if generation not in self._decisions:
            there = takewhile(lambda rung: decision_name(generation, rung) in self.names, count())
            self._decisions[generation] = [self._studies.decision(self._study, generation, rung) for rung in there]
        return self._decisions[generation]

    def rung_of(self, proposal: Proposal) -> int:
        """Return the rung, from 0 on, that a trial is to be decided for next, or that it was stopped or ended before.

        It follows from the decisions that let it go on, so that it is the same whenever it is asked.
        """
        return sum(proposal.number in each.goes_on for each in self.decisions_of(proposal.generation))

    def goes_on(self, proposal: Proposal) -> bool:
        """Say whether nobody stopped a trial: at its rung it was not compared, or not yet."""
        decisions, rung = self.decisions_of(proposal.generation), self.rung_of(proposal)
        return rung == len(decisions) or proposal.number not in decisions[rung].costs

    @property
    def going(self) -> list[Proposal]:
        """The trials that nobody stopped and that are not over."""
        return [each for each in self.open if self.goes_on(each)]

    @property
    def stopped(self) -> list[Proposal]:
        """The trials that are to be stopped."""
        return [each for each in self.open if not self.goes_on(each)]

    @property
    def tasks(self) -> int:
        """Tasks that were charged so far."""
        return sum(self.results[each.number].tasks for each in self.proposals if each.number in self.results)

    def curves(self, objective: Objective) -> dict[int, Curve]:
        """Return how each trial did at the rungs that were decided, and at its end."""
        return {each.number: self._curve(each, objective) for each in self.proposals}

    def _curve(self, proposal: Proposal, objective: Objective) -> Curve:
        number, decisions = proposal.number, self.decisions_of(proposal.generation)
        costs = [each.costs[number] for each in decisions if number in each.costs]
        result = self.results.get(number)
        last = cost_of(objective, result.value) if result and result.end is TrialEnd.COMPLETE else None
        return Curve(costs) if last is None else Curve([*costs, last], whole=True)

    def told(self, spec: StudySpec) -> list[Told]:
        """Return all trials that are over, in order of number, as proposers take them."""
        return [
            Told(
                each.number,
                each.generation,
                each.point,
                cost_of(spec.objective, self.results[each.number].value),
                self.results[each.number].share,
                costs_of(spec, self.results[each.number]) if spec.objectives else (),
            )
            for each in self.proposals
            if each.number in self.results
        ]

    def front(self, spec: StudySpec) -> list[Result]:
        """Return the trials that no other dominates, in order of number; none if there is but one objective."""
        costs = {told.number: told.costs for told in self.told(spec) if told.costs and told.share == 1}
        return [self.results[number] for number in front(costs)]

    def best(self, spec: StudySpec) -> Result | None:
        """Return the best trial so far that has a value; None if none has."""
        found = best(self.told(spec))
        return self.results[found.number] if found else None


def costs_of(spec: StudySpec, result: Result) -> tuple[float, ...]:
    """Return each objective of a result as a cost, lower is better; none if it has no value."""
    if result.value is None:
        return ()
    there = {**result.scores, **result.measures}
    return tuple(-there[aim.score] if aim.goal == "maximise" else there[aim.score] for aim in spec.aims)


def cost_of(objective: Objective, value: float | None) -> float | None:
    """Return a value of the objective as a cost, lower is better."""
    return -value if value is not None and objective.goal == "maximise" else value


def value_of(objective: Objective, scores: Mapping[str, float]) -> float:
    """Return the objective of some scores."""
    return float(scores[str(objective.score)])


def _numbers(pattern: re.Pattern[str], names: list[str]) -> list[int]:
    return [int(found[1]) for name in names if (found := pattern.fullmatch(name))]
