"""Schedulers: where trials are compared, and how many tasks that takes."""

import pytest

from phiforge.registry import SCHEDULERS
from phiforge.search.schedulers import build_scheduler
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


@pytest.mark.parametrize(("name", "tasks"), [("to_the_end", 9 * 90 * 8), ("successive_halving", (90 + 60 + 60) * 8)])
def test_what_a_generation_takes(name, tasks):
    # Given nine trials of 90 versions of 8 tasks, I expect all of them, or those up to each rung, to be counted.
    scheduler = made(name)
    trials = [Planned({}, scheduler.rungs(90, 0), 8)] * 9
    assert tasks_together(scheduler, trials) == tasks
