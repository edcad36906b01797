"""Paired comparisons against exact tests, and specs side by side."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import RunError
from phiforge_client.results.comparison import compared, holm, sign_flip_p
from phiforge_client.results.spec_differences import differing


def run_of(name: str, accuracy: list[float] | None, **scores: list[float]):
    """A run as far as a comparison looks at it."""
    test = None if accuracy is None else {"per_task": {"accuracy": accuracy, **scores}}
    return SimpleNamespace(run=name, status="complete" if test else "running", test=test)


@pytest.mark.parametrize("values", [[1, 2, 3, 4, -1, 2, 5, 1], [1, -1, 2, -2, 3, -3], [0.2] * 7, [0, 0, 0, 1]])
def test_a_sign_flip_test_is_near_the_exact_one(values):
    # Given few differences, whose signs can all be flipped in every way
    observed = abs(np.mean(values))
    flips = [abs(np.mean(np.multiply(values, signs))) for signs in product((-1, 1), repeat=len(values))]
    exact = np.mean([each >= observed - 1e-12 for each in flips])
    # I expect random flips to come near the share of those that are as far from 0.
    assert sign_flip_p(np.asarray(values, dtype=float)) == pytest.approx(exact, abs=0.015)


def test_a_difference_beyond_doubt_has_the_smallest_p():
    values = np.random.default_rng(0).normal(0.1, 0.1, 600)
    assert sign_flip_p(values) == pytest.approx(1e-4)
    assert sign_flip_p(values) == sign_flip_p(values.copy())


def test_holm_against_the_example_of_a_textbook():
    # Given 0.01, 0.04, 0.03 and 0.005, I expect 4 · 0.005, 3 · 0.01, 2 · 0.03, and never less than a smaller one's.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni(ps):
    corrected = holm(ps)
    assert all(p <= found <= min(1, len(ps) * p) + 1e-12 for p, found in zip(ps, corrected, strict=True))


def test_each_pair_is_compared_task_by_task():
    # Given three runs on the same two tasks
    found = [run_of("a", [0.5, 0.7]), run_of("b", [0.4, 0.9]), run_of("c", [0.5, 0.7])]
    pairs = compared(found, ["tasks"] * 3, "accuracy")
    # I expect three pairs, with the first minus the second.
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs[0].values == pytest.approx([0.1, -0.2])
    assert (pairs[0].mean, pairs[0].higher, pairs[0].lower) == pytest.approx((-0.05, 0.5, 0.5))
    assert (pairs[1].mean, pairs[1].higher, pairs[1].p, pairs[1].differ) == (0, 0, 1, False)


@pytest.mark.parametrize(
    ("second", "tasks", "score", "says"),
    [
        (run_of("b", None), "tasks", "accuracy", "'b' is running"),
        (run_of("b", [0.1, 0.2]), "others", "accuracy", "judged by other test tasks"),
        (run_of("b", [0.1]), "tasks", "accuracy", "judged by other test tasks"),
        (run_of("b", [0.1, 0.2]), "tasks", "recall", "no score 'recall'; allowed: accuracy"),
    ],
)
def test_what_cannot_be_compared_is_refused(second, tasks, score, says):
    with pytest.raises(RunError, match=says):
        compared([run_of("a", [0.5, 0.7]), second], ["tasks", tasks], score)


def test_specs_differ_where_a_field_has_another_value_or_is_not_there():
    specs = [{"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"b": 2, "c": [1, 2]}, "d": {"e": 5}}]
    assert differing(specs) == [("a.b", ["1", "2"]), ("d", ["None", "-"]), ("d.e", ["-", "5"])]
    assert differing([specs[0], specs[0]]) == []
