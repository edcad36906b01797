"""The least that is asked of a learner: to be above training from scratch and pixel neighbours, by their intervals."""

from collections.abc import Iterable
from typing import Any, NamedTuple

FLOORS = ("scratch", "from-scratch", "pixel", "pixel-nearest-neighbour")
"""Learners that learn nothing across tasks, as rows and specs call them."""


class Score(NamedTuple):
    """A test accuracy with its 95 % interval; ``failed`` says why there is none."""

    learner: str
    n_way: int
    accuracy: float = 0.0
    ci95: float = 0.0
    failed: str = ""


def score_of(learner: str, n_way: int, report: dict[str, Any] | str) -> Score:
    """Return the score of a run's report, or of why the run failed."""
    if isinstance(report, str):
        return Score(learner, n_way, failed=report)
    return Score(learner, n_way, report["test"]["accuracy"], report["test"]["accuracy_ci95"])


def below_floors(scores: Iterable[Score]) -> list[str]:
    """Return a sentence for each learner that failed, or that a floor of as many ways may be as good as."""
    scores = list(scores)
    floors = [each for each in scores if each.learner in FLOORS and not each.failed]
    missed = [f"{each.learner}, {each.n_way}-way: failed: {each.failed}" for each in scores if each.failed]
    for each in scores:
        if each.failed or each.learner in FLOORS:
            continue
        missed += [
            f"{each.learner}, {each.n_way}-way: {_told(each)} is not above {floor.learner}, {_told(floor)}"
            for floor in floors
            if floor.n_way == each.n_way and each.accuracy - each.ci95 <= floor.accuracy + floor.ci95
        ]
    return missed


def _told(score: Score) -> str:
    return f"{100 * score.accuracy:.1f} ± {100 * score.ci95:.1f} %"
