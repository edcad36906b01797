"""Schedulers: where trials are compared, and how many tasks that takes."""

import pytest

from phiforge.registry import SCHEDULERS
from phiforge.search.schedulers import build_scheduler
from phiforge.search.schedulers.bases.curve import Curve
from phiforge.search.trials import Planned, tasks_together


def made(name, **settings):
    """Return a scheduler of that name."""
    return build_scheduler(SCHEDULERS[name].Config(**settings))


@pytest.mark.parametrize(
    ("name", "versions", "generation", "rungs"),
    [
        ("to_the_end", 90, 0, (90,)),
        ("successive_halving", 90, 0, (10, 30, 90)),
        ("successive_halving", 91, 5, (11, 33, 99)),
        ("successive_halving", 8, 0, (3, 9)),
        ("successive_halving", 2, 0, (2,)),
        ("hyperband", 90, 0, (10, 30, 90)),
        ("hyperband", 90, 1, (30, 90)),
        ("hyperband", 90, 2, (90,)),
        ("hyperband", 90, 3, (10, 30, 90)),
        ("asha", 90, 4, (10, 30, 90)),
        ("median_stopping", 80, 0, (20, 40, 60, 80)),
        ("median_stopping", 9, 3, (3, 6, 9)),
        ("median_stopping", 2, 0, (1, 2)),
    ],
)
def test_rungs_in_closed_form(name, versions, generation, rungs):
    # Given a trial of so many versions, I expect it to be compared there, and to end no earlier than asked.
    assert made(name).rungs(versions, generation) == rungs


def test_a_third_goes_on():
    # Given costs, of which two are equal, I expect the lowest third to go on, rounded up, of equals who came first.
    costs = {3: 0.5, 4: 0.1, 5: 0.9, 6: 0.1, 7: 0.7, 8: 0.1, 9: 0.3}
    assert made("successive_halving").goes_on(costs) == [4, 6, 8]
    assert made("successive_halving").goes_on({3: 0.5}) == [3]


def test_the_best_of_those_that_came_so_far_go_on():
    # Given a rung of ASHA to which four have come, of which one in two goes on, rounded down
    asha = made("asha", factor=2)
    others = {0: Curve([0.5, 0.1]), 1: Curve([0.4]), 2: Curve([0.9])}
    # I expect a newcomer to go on if it is among the best two there, whatever others came to later.
    assert asha.choose({3: Curve([0.45])}, others) == [3]
    assert asha.choose({3: Curve([0.6])}, others) == []
    assert asha.choose({3: Curve([0.6]), 4: Curve([0.3])}, others) == [4]
    # One alone does not: there is no half of one.
    assert asha.choose({0: Curve([0.1])}, {}) == []


def test_worse_than_the_median():
    # Given three whole trials, whose running averages at the second rung are 0.8, 0.6 and 0.4, and one that is not
    whole = {0: Curve([0.9, 0.7, 0.1], True), 1: Curve([0.6, 0.6, 0.9], True), 2: Curve([0.5, 0.3, 0.2], True)}
    others = whole | {3: Curve([0.0, 0.0])}
    rule = made("median_stopping", startup=3)
    # I expect those whose best cost so far is above 0.6 to stop, and the reason to say so;
    here = {4: Curve([0.9, 0.61]), 5: Curve([0.6, 0.9]), 6: Curve([0.62, 0.7])}
    assert rule.choose(here, others) == [5]
    assert rule.reason(here, others) == "worse than the median 0.6 of 3 whole trials"
    # nobody while fewer trials are whole.
    assert made("median_stopping", startup=4).choose(here, others) == [4, 5, 6]


@pytest.mark.parametrize(("name", "tasks"), [("to_the_end", 9 * 90 * 8), ("successive_halving", (90 + 60 + 60) * 8)])
def test_what_a_generation_takes(name, tasks):
    # Given nine trials of 90 versions of 8 tasks, I expect all of them, or those up to each rung, to be counted.
    scheduler = made(name)
    trials = [Planned({}, scheduler.rungs(90, 0), 8)] * 9
    assert tasks_together(scheduler, trials) == tasks
