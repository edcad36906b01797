"""What there is of a study at one moment: proposals, results, decisions and marks."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Self

from phiforge.runs.studies.outcome import Decision, Proposal, Result
from phiforge.runs.studies.record import Studies, decision_name
from phiforge.search.history import Told, best
from phiforge.spec.studies.study import Objective, StudySpec

_GENERATION = re.compile(r"generations/(\d{5})\.json")
_RESULT = re.compile(r"trials/(\d{5})\.json")


class Found:
    """A study as it was found. It costs a request, and one for each proposal and result that was not read before."""

    def __init__(self, studies: Studies, study: str, names: list[str]) -> None:
        self._studies, self._study, self.names = studies, study, set(names)
        self.generations = [studies.generation(study, number) for number in _numbers(_GENERATION, names)]
        self.results = {number: studies.result(study, number) for number in _numbers(_RESULT, names)}

    @classmethod
    def of(cls, studies: Studies, study: str) -> Self:
        """Return what there is now; raises FormatError if something is damaged."""
        return cls(studies, study, studies.names(study))

    @property
    def proposals(self) -> list[Proposal]:
        """All trials, in order of number."""
        return [proposal for generation in self.generations for proposal in generation]

    @property
    def open(self) -> list[Proposal]:
        """The trials of the last generation, if some of them are not over; else none."""
        last = self.generations[-1] if self.generations else []
        return last if any(proposal.number not in self.results for proposal in last) else []

    @cached_property
    def decisions(self) -> list[Decision]:
        """Who went on from each rung of the last generation, in order."""
        generation, found = len(self.generations) - 1, list[Decision]()
        while decision_name(generation, len(found)) in self.names:
            found.append(self._studies.decision(self._study, generation, len(found)))
        return found

    @property
    def going(self) -> list[Proposal]:
        """The trials of the last generation that nobody stopped and that are not over."""
        allowed = self.decisions[-1].goes_on if self.decisions else [each.number for each in self.open]
        return [each for each in self.open if each.number in allowed and each.number not in self.results]

    @property
    def stopped(self) -> list[Proposal]:
        """The trials of the last generation that are to be stopped."""
        going = {each.number for each in self.going}
        return [each for each in self.open if each.number not in going and each.number not in self.results]

    @property
    def tasks(self) -> int:
        """Tasks that were charged so far."""
        return sum(result.tasks for result in self.results.values())

    def told(self, spec: StudySpec) -> list[Told]:
        """Return all trials that are over, in order of number, as proposers take them."""
        return [
            Told(
                each.number,
                each.generation,
                each.point,
                cost_of(spec.objective, self.results[each.number].value),
                self.results[each.number].share,
            )
            for each in self.proposals
            if each.number in self.results
        ]

    def best(self, spec: StudySpec) -> Result | None:
        """Return the best trial so far that has a value; None if none has."""
        found = best(self.told(spec))
        return self.results[found.number] if found else None


def cost_of(objective: Objective, value: float | None) -> float | None:
    """Return a value of the objective as a cost, lower is better."""
    return -value if value is not None and objective.goal == "maximise" else value


def value_of(objective: Objective, scores: Mapping[str, float]) -> float:
    """Return the objective of some scores."""
    return float(scores[str(objective.score)])


def _numbers(pattern: re.Pattern[str], names: list[str]) -> list[int]:
    return [int(found[1]) for name in names if (found := pattern.fullmatch(name))]
