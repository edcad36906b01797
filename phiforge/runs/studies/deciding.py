"""Who goes on from a rung: of a generation once all of it is there; with asynchronous proposals of each by itself."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Decision, Proposal
from phiforge.search.schedulers import build_scheduler
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.spec.studies.study import StudySpec

Due = tuple[int, int, Decision]
"""A decision, with the generation and the rung that it is of."""


class Deciding:
    """What can be decided at one moment.

    Args:
        spec: of the study
        found: what there is of it
        going: its trials that go on
        waiting: costs of those of them that are at the rung that is to be decided, by number
    """

    def __init__(self, spec: StudySpec, found: Found, going: list[Proposal], waiting: Mapping[int, float]) -> None:
        self._spec, self._found, self._going, self._waiting = spec, found, going, waiting
        self._scheduler = build_scheduler(spec.scheduler)
        self._curves = found.curves(spec.objective)

    def due(self) -> Iterator[Due]:
        """Yield every decision that can be made now."""
        if self._spec.is_asynchronous:
            yield from self._one_by_one()
        else:
            for generation, trials in groupby(self._going, key=lambda each: each.generation):
                yield from self._together(generation, list(trials))

    def last(self) -> Iterator[Due]:
        """Yield the decision that each trial that waits is stopped, as nothing more comes."""
        for proposal in self._going:
            if proposal.number in self._waiting:
                yield self._due(proposal, self._others(proposal), [])

    def _together(self, generation: int, going: list[Proposal]) -> Iterator[Due]:
        """Decide for a generation, once all that are to be compared at its rung have reached it, or are over."""
        rung = len(self._found.decisions_of(generation))
        compared = [each.number for each in going if rung < len(each.rungs) - 1]
        if not compared or any(number not in self._waiting for number in compared):
            return
        here = {number: self._curve(number) for number in compared}
        others = {number: curve for number, curve in self._at(rung).items() if self._generation(number) < generation}
        chosen = self._scheduler.choose(here, others)
        untouched = [each.number for each in going if each.number not in here]
        costs = {number: self._waiting[number] for number in compared}
        yield generation, rung, Decision(costs, tuple(sorted([*chosen, *untouched])), self._why(here, others, chosen))

    def _generation(self, number: int) -> int:
        return self._found.proposals[number].generation

    def _one_by_one(self) -> Iterator[Due]:
        """Decide for each trial at its rung, as long as the budget has room for whoever goes on."""
        left = tasks_left(self._spec, self._found)
        for proposal in self._going:
            if proposal.number not in self._waiting:
                continue
            others, here = self._others(proposal), {proposal.number: self._curve(proposal.number)}
            chosen = self._scheduler.choose(here, others)
            more = self._tasks_to_next(proposal) if chosen else 0
            if more <= left and (chosen or not self._scheduler.patient):
                left -= more
                yield self._due(proposal, others, chosen)

    def _due(self, proposal: Proposal, others: Mapping[int, Curve], chosen: list[int]) -> Due:
        """Return the decision on one trial: beside it stand all that have come to its rung."""
        rung, here = self._found.rung_of(proposal), {proposal.number: self._curve(proposal.number)}
        costs = {number: curve.costs[rung] for number, curve in {**others, **here}.items()}
        promoted = [number for number in others if self._went_on(number, rung)]
        return (
            proposal.generation,
            rung,
            Decision(costs, tuple(sorted([*promoted, *chosen])), self._why(here, others, chosen)),
        )

    def _went_on(self, number: int, rung: int) -> bool:
        decisions = self._found.decisions_of(self._generation(number))
        return len(decisions) > rung and number in decisions[rung].goes_on

    def _why(self, here: Mapping[int, Curve], others: Mapping[int, Curve], chosen: list[int]) -> str:
        return "" if len(chosen) == len(here) else self._scheduler.reason(here, others)

    def _others(self, proposal: Proposal) -> dict[int, Curve]:
        """Return how all others did that have come to a trial's rung."""
        there = self._at(self._found.rung_of(proposal))
        return {number: curve for number, curve in there.items() if number != proposal.number}

    def _at(self, rung: int) -> dict[int, Curve]:
        """Return how all did that have come to a rung."""
        every = {number: self._curve(number) for number in self._curves}
        return {number: curve for number, curve in every.items() if len(curve.costs) > rung}

    def _curve(self, number: int) -> Curve:
        """Return how a trial did, up to the rung at which it waits."""
        curve = self._curves[number]
        if number not in self._waiting:
            return curve
        return Curve([*curve.costs, self._waiting[number]])

    def _tasks_to_next(self, proposal: Proposal) -> int:
        rung = self._found.rung_of(proposal)
        return proposal.tasks_to(rung + 1) - proposal.tasks_to(rung)


def tasks_left(spec: StudySpec, found: Found) -> float:
    """Return how many tasks of the budget no trial has used, nor will use up to the rung that it is trained to now."""
    if spec.budget.tasks is None:
        return float("inf")
    return spec.budget.tasks - found.tasks - sum(_tasks_due(found, each) for each in found.open)


def _tasks_due(found: Found, proposal: Proposal) -> int:
    return 0 if proposal.refused else proposal.tasks_to(min(found.rung_of(proposal), len(proposal.rungs) - 1))
