"""The comparison of ways to hyper-parameters: equal compute, answers of the space, and nothing computed twice."""

import pytest

from benchmarks.hyperparameters.asynchronous import Trial, next_trial
from benchmarks.hyperparameters.curves import at, kept
from benchmarks.hyperparameters.question import DATASETS, MIDDLE, SPACE, Question, Size, pool_of
from benchmarks.hyperparameters.report import written
from benchmarks.hyperparameters.standing import TRIAL, Standing
from benchmarks.hyperparameters.ways import WAYS, run_generation, tasks_of
from phiforge.search.schedulers import build_scheduler
from phiforge.search.schedulers.asha import AshaConfig
from phiforge.search.schedulers.successive_halving import SuccessiveHalvingConfig

SIZE = Size(budget=48, judged=2)
HALVING = build_scheduler(SuccessiveHalvingConfig(factor=3, rungs=3))


@pytest.fixture(scope="module")
def question():
    """Glyphs, small, with few tasks."""
    return Question("glyphs", 0, SIZE, pool_of("glyphs"))


@pytest.mark.parametrize("name", WAYS)
def test_no_way_spends_more_than_another(name, question, tmp_path):
    # Given a budget, if a way is taken
    standings = list(WAYS[name](question))
    # I expect it to begin where all do, to spend no more, at least half of it, and to answer with hyper-parameters.
    assert standings[0].tasks == 0
    assert standings[0].point == pytest.approx(dict(MIDDLE), rel=1e-5)
    spent = [each.tasks for each in standings]
    assert spent == sorted(spent)
    assert SIZE.budget / 2 < spent[-1] <= SIZE.budget
    assert all(each.point.keys() == SPACE.keys() and min(each.point.values()) > 0 for each in standings)
    # If its curve is asked for twice, I expect it to be computed once, and to have a point at each mark.
    first = kept(tmp_path, name, lambda question: iter(standings), question)
    assert len(first.loss) == len(first.accuracy) == len(SIZE.marks)
    assert kept(tmp_path, name, pytest.fail, question) == first


def test_a_generation_is_halved(question):
    # Given nine trials of which one has a sensible rate, if they are halved
    good, bad = dict(MIDDLE) | {"learner.inner_lr": 0.1}, dict(MIDDLE) | {"learner.inner_lr": 1e-3}
    found = run_generation(question, HALVING, [*[bad] * 5, good, *[bad] * 3], 18, 9)
    # I expect it to be told of all, with how far they came, the sensible one to the end, and what that took.
    assert [each.number for each in found.told] == list(range(18, 27))
    assert {each.generation for each in found.told} == {2}
    whole = {each.number: each.cost for each in found.told if each.share == 1}
    assert len(whole) == 3
    assert min(whole, key=lambda number: whole[number]) == 23
    assert found.tasks == tasks_of(HALVING, 9) == 9 * 3 + 3 * 6
    assert HALVING.rungs(TRIAL, 0)[-1] == 9


def test_who_is_trained_next_asynchronously():
    # Given ASHA, I expect a new trial as long as there are too few at a rung, then the best of three to go on,
    rules = build_scheduler(AshaConfig(factor=3, rungs=3))
    trials = {number: Trial(MIDDLE, 0.0, (cost,)) for number, cost in enumerate((0.9, 0.2, 0.5))}
    assert next_trial(rules, {}, 3) == 0
    assert next_trial(rules, {number: trials[number] for number in (0, 1)}, 3) == 2
    assert next_trial(rules, trials, 3) == 1
    # and, once it has gone on, a new one: of three no second one may.
    assert next_trial(rules, trials | {1: Trial(MIDDLE, 0.0, (0.2, 0.3))}, 3) == 3
    # If three are at the second rung, I expect the best of them to go on first; whoever came to the end goes nowhere.
    second = {number: Trial(MIDDLE, 0.0, (0.1, cost)) for number, cost in enumerate((0.9, 0.4, 0.2))}
    assert next_trial(rules, second, 3) == 2
    assert next_trial(rules, second | {2: Trial(MIDDLE, 0.0, (0.1, 0.2, 0.2))}, 3) == 3


def test_what_a_way_would_answer():
    # Given standings, I expect at each mark that of the last which had not spent more.
    standings = [Standing(0, {"a": 1}), Standing(8, {"a": 2}), Standing(20, {"a": 3})]
    assert [at(standings, mark)["a"] for mark in (0, 7, 8, 19, 20, 99)] == [1, 1, 2, 2, 3, 3]


def test_the_page(question, tmp_path):
    # Given curves of two seeds, I expect a table for the dataset with a row for each way.
    curve = kept(tmp_path, "a way", lambda question: iter([Standing(0, MIDDLE), Standing(30, MIDDLE)]), question)
    page = "\n".join(written({"glyphs": {name: [curve, curve] for name in WAYS}}, SIZE, "a command", "a.png"))
    assert all(f"\n| {name} | " in page for name in WAYS)
    assert "| after 6 | after 18 | after 48 |" in page
    assert set(DATASETS) == {"glyphs", "omniglot"}
