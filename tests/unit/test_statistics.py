"""Means and 95 % intervals against the textbook."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.learning.scoring import ChunkScores, summary
from phiforge.learning.statistics import Z95, estimate

accuracies = st.lists(st.floats(0, 1), min_size=2, max_size=50)


def test_by_hand():
    # Given 0.2, 0.4, 0.6: mean 0.4, deviations ±0.2, variance 0.08 / 2, standard error sqrt(0.04 / 3)
    assert estimate([0.2, 0.4, 0.6]) == pytest.approx((0.4, 1.959964 * math.sqrt(0.04 / 3)), rel=1e-6)


def test_the_quantile():
    # Given the standard normal distribution, I expect 95 % of it between -Z95 and Z95.
    assert math.erf(Z95 / math.sqrt(2)) == pytest.approx(0.95, abs=1e-12)


@given(accuracies)
def test_against_the_textbook(values):
    # Given any scores, I expect their mean and 1.96 standard errors, with n - 1 degrees of freedom.
    found = estimate(values)
    assert found.mean == pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-12)
    expected = Z95 * math.sqrt(statistics.variance(values) / len(values))
    assert found.ci95 == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_constant_scores(value):
    # Given scores that are all the same, I expect an interval of no width.
    assert estimate([value] * 600) == (value, 0.0)


def test_one_task():
    # Given one task, of whose spread nothing is known, I expect no interval, which numpy warns of, rather than 0.
    with pytest.warns(RuntimeWarning) as caught:
        mean, ci95 = estimate([0.75])
    assert mean == 0.75
    assert math.isnan(ci95)
    assert any("Degrees of freedom" in str(warning.message) for warning in caught)


def test_coverage():
    # Given 2000 experiments of 100 tasks, each with known mean 0.6
    generator = np.random.default_rng(0)
    covered = 0
    for scores in generator.binomial(25, 0.6, (2000, 100)) / 25:
        found = estimate(scores)
        covered += abs(found.mean - 0.6) <= found.ci95
    # I expect the interval to hold it about 95 times in a hundred.
    assert 0.93 < covered / 2000 < 0.965


def test_four_times_the_tasks_halve_the_interval():
    values = [0.1, 0.9, 0.4, 0.6] * 250
    assert estimate(values * 4).ci95 == pytest.approx(estimate(values).ci95 / 2, rel=1e-3)


@given(accuracies, st.data())
def test_a_summary_does_not_depend_on_how_tasks_were_chunked(values, data):
    # Given tasks in one chunk, and the same tasks in two
    losses = [1 - value for value in values]
    cut = data.draw(st.integers(0, len(values)))
    whole = summary(7, "hash", [ChunkScores({"loss": losses, "accuracy": values})])
    halves = [
        ChunkScores({"loss": losses[part], "accuracy": values[part]}) for part in (slice(None, cut), slice(cut, None))
    ]
    # I expect the same summary, also by way of their bytes, with every task's score in order.
    assert summary(7, "hash", [ChunkScores.from_bytes(half.to_bytes()) for half in halves]) == whole
    assert whole["per_task"] == {"loss": losses, "accuracy": values}
    assert (whole["version"], whole["phi_hash"], whole["tasks"]) == (7, "hash", len(values))
    assert (whole["accuracy"], whole["accuracy_ci95"]) == estimate(values)
    assert (whole["loss"], whole["loss_ci95"]) == estimate(losses)
