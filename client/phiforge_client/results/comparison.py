"""Runs compared task by task: paired differences on the same test tasks, intervals and corrected tests."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phiforge.base.errors import RunError
from phiforge.learning.statistics import estimate
from phiforge_client.results.findings import Findings

FLIPS = 9_999
"""Sign flips of a test; with those, the smallest possible p is 1 in 10,000."""


class Paired(NamedTuple):
    """How ``first`` did against ``second`` on the same test tasks.

    Args:
        first: a run's id.
        second: another's.
        mean: of the differences of the score, first minus second.
        ci95: half the width of its 95 % interval.
        higher: the share of tasks on which the first has the higher score.
        lower: the share on which it has the lower one.
        p: of a two-sided sign-flip test that the mean is 0.
        p_corrected: the same, corrected for the number of pairs (Holm 1979).
        values: the differences, task by task.
    """

    first: str
    second: str
    mean: float
    ci95: float
    higher: float
    lower: float
    p: float
    p_corrected: float
    values: Sequence[float]

    @property
    def differ(self) -> bool:
        """Whether the two differ at the level of 5 %, all pairs considered."""
        return self.p_corrected < 0.05


def compared(found: Sequence[Findings], tasks: Sequence[str], score: str) -> list[Paired]:
    """Return every pair of runs, compared on the test tasks that they share.

    Args:
        found: at least two runs.
        tasks: what names the test tasks of each: runs of the same name were judged by the same tasks.
        score: the name of the score, as ``accuracy`` or ``loss``.

    Raises RunError if a run has no such test scores, or was judged by other tasks than the first.
    """
    for run, name in zip(found, tasks, strict=True):
        if run.test is None:
            raise RunError(f"run {run.run!r} is {run.status}: only runs with test scores can be compared")
        if score not in run.test["per_task"]:
            there = ", ".join(sorted(run.test["per_task"]))
            raise RunError(f"run {run.run!r} has no score {score!r}; allowed: {there}")
        if name != tasks[0] or len(_values(run, score)) != len(_values(found[0], score)):
            raise RunError(
                f"runs {found[0].run!r} and {run.run!r} were judged by other test tasks: dataset, evaluation.task, "
                "evaluation.test_tasks, evaluation.chunk_size, evaluation.seed and label noise must be the same"
            )
    pairs = [_paired(first, second, score) for first, second in combinations(found, 2)]
    return [pair._replace(p_corrected=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]


def holm(ps: Sequence[float]) -> list[float]:
    """Return p-values corrected for how many there are, in the same order (Holm 1979, "A simple sequentially ...")."""
    corrected, highest = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = highest
    return corrected


def sign_flip_p(values: NDArray[np.float64]) -> float:
    """Return the two-sided p of a mean of 0, by random flips of signs; the same for the same values.

    No distribution is taken for granted but that a difference is as likely as its opposite (Fisher 1935).
    """
    generator, observed = np.random.default_rng(0), abs(values.mean())
    signs = generator.integers(0, 2, size=(FLIPS, len(values)), dtype=np.int8) * 2 - 1
    flipped = np.abs(signs @ values) / len(values)
    return float((1 + np.count_nonzero(flipped >= observed - 1e-12)) / (1 + FLIPS))


def _paired(first: Findings, second: Findings, score: str) -> Paired:
    values = _values(first, score) - _values(second, score)
    mean, ci95 = estimate(values.tolist())
    p = sign_flip_p(values)
    higher, lower = float((values > 0).mean()), float((values < 0).mean())
    return Paired(first.run, second.run, mean, ci95, higher, lower, p, p, values.tolist())


def _values(run: Findings, score: str) -> NDArray[np.float64]:
    return np.asarray(run.test["per_task"][score] if run.test else [], dtype=np.float64)
