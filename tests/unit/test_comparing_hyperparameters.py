"""The comparison of ways to hyper-parameters: equal compute, answers of the space, and nothing computed twice."""

import pytest

from benchmarks.hyperparameters import more
from benchmarks.hyperparameters.curves import at, kept
from benchmarks.hyperparameters.question import DATASETS, MIDDLE, SPACE, Question, Size, pool_of
from benchmarks.hyperparameters.report import written
from benchmarks.hyperparameters.ways import TRIAL, WAYS, Standing, run_generation, tasks_of
from phiforge.search.schedulers import build_scheduler
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


def test_asha_lets_the_best_go_on_as_soon_as_they_are_known(question, monkeypatch):
    # Given a question in which a small rate is best, whatever is trained, if ASHA with one worker asks it
    asked: list[tuple[float, int, int]] = []

    def cost(self, point, first, upto):
        asked.append((point["learner.inner_lr"], first, upto))
        return point["learner.inner_lr"] * (upto - first)

    monkeypatch.setattr(Question, "cost", cost)
    *_, last = WAYS["study, ASHA"](question)
    # I expect the third trial to be followed by the best of the three going on, from where it stood,
    rates = [rate for rate, first, _ in asked[:3]]
    assert [each[1:] for each in asked[:3]] == [(0, 3)] * 3
    assert asked[3] == (min(rates), 3, 9)
    # none twice through the same tasks, and the best of those that went furthest as answer.
    assert len(set(asked)) == len(asked)
    furthest = [rate for rate, _, upto in asked if upto == 9]
    assert last.point["learner.inner_lr"] == min(furthest)


def test_a_population_goes_on_on_new_tasks(question, monkeypatch):
    # Given a question in which a small rate is best, if a population is trained
    asked: list[tuple[float, int]] = []

    def cost(self, point, first, upto):
        asked.append((point["learner.inner_lr"], first))
        return point["learner.inner_lr"]

    monkeypatch.setattr(Question, "cost", cost)
    whole = Question("glyphs", 0, Size(budget=240, judged=2), question._pool)
    *_, last = WAYS["study, PBT"](whole)
    # I expect five generations of six, each on tasks of its own, the worst of each to have copied one of the best,
    generations = [asked[start : start + 6] for start in range(0, len(asked), 6)]
    assert [{first for _, first in each} for each in generations] == [{0}, {8}, {16}, {24}, {32}]
    medians = [sorted(rate for rate, _ in each)[3] for each in generations]
    assert medians[-1] < medians[0]
    # and the best of the last as answer.
    assert last.point["learner.inner_lr"] == min(rate for rate, _ in generations[-1])


def test_more_numbers_are_learned_and_judged(question, tmp_path):
    # Given the same question, if more numbers are learned, I expect as many as the network has layers and channels
    # for, answers of the tasks that judge, a row each, and nothing computed twice.
    question = Question("glyphs", 0, Size(budget=4, judged=2), question._pool)
    rows = more.found(tmp_path, question)
    three, layers, prior, both = (rows[name]["numbers"] for name in more.VARIANTS)
    assert three == 3 < layers < prior < both == layers + prior - three
    assert all(0 <= each["accuracy"] <= 1 for each in rows.values())
    assert more.found(tmp_path, question) == rows
    page = "\n".join(more.written({"glyphs": {name: [each, each] for name, each in rows.items()}}))
    assert all(f"| glyphs | {name} | {rows[name]['numbers']:,.0f} | " in page for name in more.VARIANTS)


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
