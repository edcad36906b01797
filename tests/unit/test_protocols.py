"""How published figures were made stands in words that ours are compared in, and the page says what that gives."""

from pathlib import Path

import pytest

from benchmarks.omniglot import COLUMNS, INTRODUCTION, SPECS, budgeted, protocol
from benchmarks.protocols.compare import NOT_STATED, PUBLISHED, compared
from benchmarks.protocols.figures import Fact, figure_of, figures
from benchmarks.protocols.ours import FIELDS, ours
from benchmarks.protocols.page import page, spec_named
from benchmarks.published import PUBLISHED as ACCURACIES
from phiforge.spec.read import parse_spec, read_spec

ROOT = Path(__file__).resolve().parents[2]
NEAREST = sorted((ROOT / "specs").glob("published-*.yaml"))


def test_the_page_is_up_to_date():
    # Given the page, If it is written again, Expect it as it is; else `python -m benchmarks.protocols --output ...`
    assert (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8") == "\n".join(page()) + "\n"


def test_every_figure_that_we_compare_to_is_there():
    # Given the accuracies that the table of all learners shows
    wanted = {(name, 5): each.five_way for name, each in ACCURACIES.items() if each.five_way}
    wanted |= {(name, 20): each.twenty_way for name, each in ACCURACIES.items() if each.twenty_way}
    # Expect each of them to have its facts, and the same accuracy: that of Reptile is the transductive one
    assert {(each.learner, each.n_way) for each in figures()} == wanted.keys()
    for (learner, n_way), accuracy in wanted.items():
        assert figure_of(learner, n_way).accuracy in accuracy


@pytest.mark.parametrize("figure", figures(), ids=lambda each: each.name)
def test_facts_have_the_names_that_are_compared(figure):
    # Given the facts of a figure, Expect each under a name that ours have, and with where it is said.
    assert not figure.facts.keys() - FIELDS.keys()
    assert all(fact.what and fact.source for fact in [*figure.facts.values(), *figure.besides])


def test_a_figure_made_as_ours_is_marked_published():
    # Given a figure whose every fact is what a spec of ours does
    spec = spec_named("omniglot-maml-5w1s", 5)
    same = {name: Fact(value, "a paper") for name, value in ours(spec).items()}
    figure = figure_of("maml", 5)._replace(facts=same, besides=())
    # Expect it to be comparable,
    assert compared(figure, spec).protocol == PUBLISHED
    # and no more if one fact is another, nobody says one, or something stands beside the facts.
    other = figure._replace(facts=same | {"meta-batch": Fact("1", "a paper")})
    assert compared(other, spec).differing == ["meta-batch"]
    assert compared(other, spec).protocol == "1 differs"
    unsaid = figure._replace(facts={name: fact for name, fact in same.items() if name != "test tasks"})
    assert compared(unsaid, spec).protocol == "1 not stated"
    besides = figure._replace(besides=(Fact("strided", "a file"),))
    assert compared(besides, spec).protocol == "1 differs"


def test_what_nobody_says_counts_as_no_difference():
    # Given figures of which a paper does not say how characters validate, Expect that to differ from nothing of ours.
    for learner, said in (("matching", "12 not stated"), ("siamese", "1 differs, 20 not stated")):
        figure = figure_of(learner, 5)
        assert compared(figure, spec_named(figure.spec, 5)).protocol == said
        assert not any("not stated" in fact.what for fact in figure.besides)
        assert "not stated" in figure.facts["split"].source


def test_what_differs_between_a_spec_and_maml_as_published():
    # Given the spec that comes nearest to MAML as published, Expect no fact to be in another way, nor to be unknown,
    found = compared(figure_of("maml", 5), spec_named("published-maml-5w1s", 5))
    assert found.differing == []
    assert not found.not_stated
    # and what no spec can say.
    assert len(found.besides) == 3


@pytest.mark.parametrize("path", NEAREST, ids=lambda path: path.stem)
def test_a_nearest_spec_is_right_and_nearer(path):
    # Given a spec that comes near to a published figure, Expect it to be one, and to differ in less than ours.
    parse_spec(read_spec(path))
    [figure] = [each for each in figures() if each.closest == path.stem]
    nearest, shipped = (compared(figure, spec_named(name, figure.n_way)) for name in (path.stem, figure.spec))
    assert len(nearest.differing) < len(shipped.differing)


def test_the_words_of_a_spec():
    # Given specs of all kinds, Expect what they do in the words of the page.
    metric = ours(spec_named("published-prototypical-5w1s", 5))
    assert metric["batch statistics at test"] == "averages of training"
    assert metric["training / validation / test characters"] == "1028 / 172 / 423"
    assert metric["inner steps in training"] == "none"
    assert metric["outer schedule"] == "halved every 2,000"
    shipped = ours(spec_named("omniglot-maml-5w1s", 5))
    assert shipped["batch statistics at test"] == "of the set at hand"
    assert shipped["inner steps at test"] == "chosen on validation tasks"
    assert shipped["training / validation / test characters"] == "711 / 100 / 812"
    floor = ours(spec_named("omniglot-pixel-nearest-neighbour-5w1s", 5))
    assert {floor["blocks"], floor["shrinking"], floor["batch statistics at test"]} == {"none"}


NOT_RUN = {"meta-nas", "meta-dropout", "augmented-maml", "augmented-prototypical"}
"""Learners that the table of all has no row of."""


def test_the_page_of_all_learners_has_the_column_of_protocols():
    # Given the page, Expect its introduction and its columns to be those that the command writes,
    text = (ROOT / "docs" / "results" / "omniglot.md").read_text(encoding="utf-8")
    assert text.startswith(INTRODUCTION)
    head, _, *rows = (line for line in text[len(INTRODUCTION) :].partition("\n\nAs it was run")[0].splitlines() if line)
    assert head == f"| {' | '.join(COLUMNS)} |"
    # and each row to say what the code says of its spec at the budget.
    shown = {cells[0]: cells[-1] for cells in ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)}
    assert {name.rpartition(",")[2] for name in shown} == {" 5-way", " 20-way"}
    for raw, n_way in ((budgeted(read_spec(ROOT / path), each, 2000), each) for path in SPECS for each in (5, 20)):
        learner = raw["name"].removeprefix("omniglot-").rpartition("-")[0]
        if learner not in NOT_RUN:
            assert shown.pop(f"{learner}, {n_way}-way") == protocol(raw, learner, n_way)
    assert not shown


def test_rows_of_the_table_of_all_learners_are_marked():
    # Given the specs of the table at one budget, of 5 and of 20 ways
    raw = read_spec(ROOT / "specs" / "omniglot-maml-5w1s.yaml")
    for n_way in (5, 20):
        # Expect each row to say in how much it differs from what was published; a floor has nothing to differ from.
        assert protocol(budgeted(raw, n_way, 2000), "maml", n_way).endswith("differ")
    assert protocol(raw, "pixel", 5) == ""
    assert NOT_STATED not in {fact.what for each in figures() for fact in each.facts.values()}
