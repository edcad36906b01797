"""Proposers: same seed and same history, same proposals; all of the space; and better than chance where they learn."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from phiforge.base.errors import MissingPartError
from phiforge.registry import PROPOSERS
from phiforge.search.history import best
from phiforge.search.proposers import build_proposer
from phiforge.search.proposers.bases import proposer as base
from phiforge.spec.studies.dimension import Dimension
from phiforge.spec.studies.space import Space
from tests.unit.search.spaces import spaces, told

OURS = [name for name in PROPOSERS if PROPOSERS.origin(name) == "phiforge"]
COSTS = [0.5, None, 0.25, 1.0, 0.125]
BOWL = Space({name: Dimension(type="float", low=-1, high=1) for name in "xy"})
CELL = Space({name: Dimension(type="choice", values=list("abcd")) for name in "uvw"})


def made(name, space, seed=0, **settings):
    """Return a proposer of that name."""
    return build_proposer(PROPOSERS[name].Config(**settings), space, seed)


def proposed(name, space, seed, generations, size=4, **settings):
    """Return the points of so many generations, of trials that come to ``COSTS``."""
    points = []
    for _ in range(generations):
        history = told(points, COSTS, size)
        points += made(name, space, seed, **settings).propose(history, range(len(points), len(points) + size))
    return points


SLOW = ["gaussian_process"]


@pytest.mark.parametrize("name", [name for name in OURS if name not in SLOW])
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(space=spaces(), seed=st.integers(0, 2**63 - 1))
def test_same_seed_and_history_same_proposals(name, space, seed):
    assume(not list(PROPOSERS[name].refuses(PROPOSERS[name].Config(), space, 4)))
    expect_the_same(name, space, seed)


@pytest.mark.parametrize("name", SLOW)
def test_same_seed_and_history_same_proposals_of_whoever_takes_long(name):
    expect_the_same(name, Space({**BOWL, "k": Dimension(type="log_int", low=1, high=99)}), seed=3)


def expect_the_same(name, space, seed):
    # Given a space that it takes, a seed, and what earlier generations came to
    part = PROPOSERS[name]
    few = {"startup": 3} if "startup" in part.Config.model_fields else {}
    few = {"population": 4} if "population" in part.Config.model_fields else few
    first = proposed(name, space, seed, 3, **few)
    # If it is asked again, I expect the same points,
    assert proposed(name, space, seed, 3, **few) == first
    # each of them of the space: the very fields that are set there, with values that they have.
    for point in first:
        assert point == space.filled(point.__getitem__)
        for field, value in point.items():
            if space[field].is_choice:
                assert value in space[field].values
            else:
                assert space[field].bounds[0] <= value <= space[field].bounds[1]


@pytest.mark.parametrize("name", [name for name in OURS if not PROPOSERS[name].ends])
def test_another_seed_other_proposals(name):
    # Given two seeds, I expect other points.
    space = CELL if list(PROPOSERS[name].refuses(PROPOSERS[name].Config(), BOWL, 4)) else BOWL
    assert proposed(name, space, 0, 1) != proposed(name, space, 1, 1)


@pytest.mark.parametrize("name", OURS)
def test_whoever_learns_nothing_minds_no_history(name):
    # Given what came of earlier trials, I expect it to matter to those who say that they learn, and to them alone.
    space = CELL if list(PROPOSERS[name].refuses(PROPOSERS[name].Config(), BOWL, 8)) else BOWL
    proposer = made(name, space)
    points = list(proposer.propose([], range(24)))
    rising, falling = [float(index) for index in range(24)], [float(-index) for index in range(24)]
    after = [proposer.propose(told(points, costs, 8), range(24, 32)) for costs in (rising, falling)]
    assert (after[0] != after[1]) == PROPOSERS[name].learns


def searched(name, space, cost, trials=64, size=8, **settings):
    """Return the lowest cost that a proposer finds."""
    points = []
    while len(points) < trials:
        history = told(points, [cost(point) for point in points] or [0.0], size)
        points += made(name, space, **settings).propose(history, range(len(points), len(points) + size))
    return best(told(points, [cost(point) for point in points], size)).cost


@pytest.mark.parametrize("name", ["tpe", "cma_es", "gaussian_process", "regularised_evolution"])
def test_better_than_chance_in_a_bowl(name):
    # Given a bowl, whose lowest point is not in the middle
    def cost(point):
        return (point["x"] - 0.3) ** 2 + (point["y"] + 0.6) ** 2

    # If so many trials are spent on it, I expect a lower one to be found than by chance.
    assert searched(name, BOWL, cost) < 0.5 * searched("random", BOWL, cost)


@pytest.mark.parametrize("name", ["tpe", "regularised_evolution", "controller"])
def test_finds_the_best_cell(name):
    # Given 64 cells, of which one is best and others the better the more they have of it
    def cost(point):
        return sum(point[field] != wanted for field, wanted in zip("uvw", "dab", strict=True))

    # If it may try 56 of them, some twice, I expect it to find it.
    assert searched(name, CELL, cost, trials=56) == 0


def test_the_grid_is_whole_and_ends():
    # Given a choice, a number that is set for one of its values, and a grid of three values
    fields = {"kind": Dimension(type="choice", values=["a", "b"])}
    fields["size"] = Dimension(type="log", low=0.01, high=1, when={"kind": "a"})
    fields["count"] = Dimension(type="int", low=1, high=2)
    grid = made("grid", Space(fields))
    # I expect every combination once, and then nothing.
    points = grid.propose([], range(3)) + grid.propose([], range(3, 100))
    assert len(points) == 3 * 2 + 2
    assert len({repr(sorted(point.items())) for point in points}) == len(points)
    assert {point.get("size") for point in points} == {0.01, 0.1, 1.0, None}
    assert grid.propose([], range(8, 16)) == []


def test_the_worst_of_a_population_go_on_from_the_best():
    # Given a population of ten, of which the first two did best, the last two worst, and the third failed
    space = Space({"x": Dimension(type="float", low=1, high=10), "k": Dimension(type="int", low=1, high=9)})
    points = [{"x": 2.0 + number / 10, "k": 2} for number in range(10)]
    costs = [0.1, 0.0, None, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    history = told(points, costs, 10)
    proposer = made("population_based_training", space, resample=0.0)
    # I expect these to go on from one of the best, and all others from themselves as they are;
    parents, proposals = (ask(history, range(10, 20)) for ask in (proposer.parents, proposer.propose))
    assert {parents[2], parents[9]} <= {0, 1}
    assert [parents[place] for place in (0, 1, 3, 4, 5, 6, 7, 8)] == [0, 1, 3, 4, 5, 6, 7, 8]
    assert [proposals[place] for place in (0, 1, 3, 4)] == [points[place] for place in (0, 1, 3, 4)]
    # what is copied to be a fifth more or less in every field, a whole number by one at least;
    for place in (2, 9):
        had = points[parents[place]]
        assert proposals[place]["x"] in [pytest.approx(had["x"] * 0.8), pytest.approx(had["x"] * 1.2)]
        assert proposals[place]["k"] in (1, 3)
    # and the first generation to go on from nobody.
    assert proposer.parents([], range(10)) == [None] * 10


def test_quasi_random_points_leave_fewer_gaps():
    # Given 32 quasi-random points of one number, I expect one in each 16th, which chance leaves some of out.
    space = Space({"x": Dimension(type="float", low=0, high=1)})
    filled = {}
    for name in ("quasi_random", "random"):
        filled[name] = len({int(16 * each["x"]) for each in made(name, space).propose([], range(32))})
    assert filled["quasi_random"] == 16
    assert filled["random"] < 16


def test_what_is_not_installed_is_said(monkeypatch):
    # Given a process without a library, I expect an error that says what to type, so that another worker goes on.
    monkeypatch.setattr(base, "find_spec", lambda module: None)
    with pytest.raises(MissingPartError, match=r"'tpe' needs optuna.*pip install 'phiforge\[search\]'"):
        made("tpe", BOWL)
