"""Whom the trials of a generation are compared with: those of earlier generations, whatever else is there by then."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from phiforge.runs.store import LocalStore
from phiforge.runs.studies.deciding import Deciding
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.outcome import Decision, Proposal, Result, TrialEnd
from phiforge.runs.studies.record import Studies
from phiforge.search.read import parse_study
from phiforge.spec.text import parse_text
from tests.unit.search.test_study_problems import GOOD

STUDY = "search"
RUNGS = (10, 20, 30, 40)


@pytest.fixture
def studies(tmp_path: Path) -> Studies:
    """The record of studies in a folder."""
    return Studies(LocalStore(tmp_path))


def trained(studies: Studies, generation: int, first: int, curves: Sequence[Sequence[float]]) -> None:
    """Write down a generation of trials that are over, with their costs at each of their rungs."""
    proposals = [
        Proposal(number, generation, {}, RUNGS[: len(costs)], version_tasks=1)
        for number, costs in enumerate(curves, first)
    ]
    studies.propose(STUDY, generation, proposals)
    for rung in range(max(map(len, curves)) - 1):
        there = {
            each.number: costs[rung] for each, costs in zip(proposals, curves, strict=True) if rung < len(costs) - 1
        }
        studies.decide(STUDY, generation, rung, Decision(there, tuple(there)))
    for each, costs in zip(proposals, curves, strict=True):
        studies.save_result(STUDY, Result(each.number, "", TrialEnd.COMPLETE, costs[-1]))


def decided(studies: Studies, waiting: dict[int, float]) -> tuple[int, int, Decision]:
    """Return the one decision that is due, by median stopping that needs two whole trials."""
    scheduler = {"name": "median_stopping", "startup": 2}
    objective = {"score": "loss", "goal": "minimise", "tasks": 25}
    spec = parse_study(parse_text(GOOD) | {"objective": objective, "scheduler": scheduler})
    found = Found.of(studies, STUDY)
    [due] = Deciding(spec, found, found.going, waiting).due()
    return due


def test_a_generation_is_compared_with_earlier_ones_alone(studies: Studies) -> None:
    # Given two whole trials of unequally many rungs, whose costs are 0.5 and 0.7,
    trained(studies, 0, 0, [[0.5, 0.5], [0.7, 0.7, 0.7]])
    # a generation with one trial that was whole at its first rung and two that wait there, at 0.55 and 0.65,
    studies.propose(STUDY, 1, [Proposal(2, 1, {}, RUNGS[:1]), Proposal(3, 1, {}, RUNGS), Proposal(4, 1, {}, RUNGS)])
    studies.save_result(STUDY, Result(2, "", TrialEnd.COMPLETE, 0.1))
    # and a later one that is far better, as it is where a decision is made again,
    trained(studies, 2, 5, [[0.1], [0.1, 0.1], [0.1, 0.1, 0.1]])
    # I expect the median of the first generation to decide, 0.6: it stops the worse.
    why = "worse than the median 0.6 of 2 whole trials"
    assert decided(studies, {3: 0.55, 4: 0.65}) == (1, 0, Decision({3: 0.55, 4: 0.65}, (3,), why))


def test_whole_trials_count_as_far_as_they_went(studies: Studies) -> None:
    # Given whole trials of one, two and three rungs, and a trial that waits at its second rung
    trained(studies, 0, 0, [[0.1], [0.5, 0.5], [0.7, 0.7, 0.7]])
    studies.propose(STUDY, 1, [Proposal(3, 1, {}, RUNGS)])
    studies.decide(STUDY, 1, 0, Decision({3: 0.9}, (3,)))
    # I expect it to be compared with those that have one too: their median is 0.6, with the first 0.5.
    assert decided(studies, {3: 0.55}) == (1, 1, Decision({3: 0.55}, (3,)))
