"""The check that a learner earns its place: above the floors, by the intervals of both."""

import pytest

from benchmarks.floors import Score, below_floors, score_of

FLOORS = [Score("scratch", 5, 0.76, 0.01), Score("pixel", 5, 0.45, 0.01), Score("scratch", 20, 0.51, 0.01)]


@pytest.mark.parametrize(
    ("score", "beaten_by"),
    [
        (Score("maml", 5, 0.93, 0.01), []),
        (Score("maml", 5, 0.76, 0.01), ["scratch"]),
        (Score("maml", 5, 0.779, 0.01), ["scratch"]),
        (Score("maml", 5, 0.781, 0.01), []),
        (Score("maml", 5, 0.40, 0.01), ["scratch", "pixel"]),
        (Score("maml", 20, 0.70, 0.01), []),
        (Score("maml", 20, 0.52, 0.01), ["scratch"]),
        (Score("maml", 10, 0.10, 0.01), []),
    ],
)
def test_a_learner_must_be_above_the_floors_of_as_many_ways(score, beaten_by):
    # Given floors and a learner, Expect a sentence for each floor whose interval its own reaches into.
    found = below_floors([*FLOORS, score])
    assert len(found) == len(beaten_by)
    assert all(f"is not above {floor}" in sentence for floor, sentence in zip(beaten_by, found, strict=True))


def test_a_run_that_failed_is_missed_too():
    # Given a run without a report, Expect it to be told, with why.
    assert below_floors([*FLOORS, score_of("leo", 5, "it was cancelled")]) == ["leo, 5-way: failed: it was cancelled"]


def test_a_score_is_that_of_the_report():
    report = {"test": {"accuracy": 0.5, "accuracy_ci95": 0.02}}
    assert score_of("maml", 5, report) == Score("maml", 5, 0.5, 0.02)
