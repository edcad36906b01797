"""Scores of chunks, and what they sum up to: after a set number of inner steps, or after each that is tried."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from phiforge.base.errors import RunError
from phiforge.learning.learners import Learner, Phi
from phiforge.learning.scoring import ChunkScores, score, score_by_steps, summary
from phiforge.learning.tried_steps import STEPS, TriedScores, summary_of_best, tried_steps
from phiforge.registry import DATA, SCORES
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import Episode


def steps_of(platform: RunPlatform, record: RunRecord, split: str, version: int) -> tuple[int, ...]:
    """Return the numbers of inner steps to judge a version with: those tried or, of the test, the one chosen; or none.

    None: the spec says it, or there are no inner steps. What an evaluator of an earlier version validated has no choice
    in it, and was judged with the learner's own number.
    """
    if not record.tries_steps:
        return ()
    config: Any = record.spec.learner
    if split != "test":
        return tried_steps(config)
    validated = platform.record.scores(record.run, "validation", version)
    return (validated.get(STEPS, config.inner_steps_evaluation),)


def scored(
    record: RunRecord,
    learner: Learner,
    phi: Phi,
    episodes: Sequence[Episode],
    place: tuple[str, int],
    steps: Sequence[int],
) -> bytes:
    """Return the scores of one chunk as bytes; raises RunError if a loss is no number, whatever is tried.

    Args:
        record: the run.
        learner: its F_φ, for tasks of the shape of ``episodes``.
        phi: the φ that is judged.
        episodes: of the chunk.
        place: which chunk of which split. Randomness is named by it, so that every run meets the same.
        steps: see ``steps_of``.
    """
    seed, together = (record.spec.evaluation.seed, "judge", *place), record.spec.numerics.chunk
    if not steps:
        found = score(learner, phi, episodes, *seed, together=together)
        _expect_finite(found)
        return found.to_bytes()
    tried = score_by_steps(learner, phi, episodes, *seed, steps=steps, together=together)
    finite = TriedScores.finite(tried)
    if not finite.by_steps:
        _expect_finite(tried[min(tried)])
    return finite.to_bytes()


def summed_up(record: RunRecord, version: int, phi_hash: str, payloads: Iterable[bytes]) -> Mapping[str, Any]:
    """Return what is recorded of a version on a split, of all its chunks' scores.

    Raises RunError if no number of inner steps led to losses that are numbers on all tasks.
    """
    if not record.tries_steps:
        return summary(version, phi_hash, [ChunkScores.from_bytes(payload) for payload in payloads])
    by = DATA[record.spec.data.name].chooses_by
    chunks = [TriedScores.from_bytes(payload) for payload in payloads]
    best = summary_of_best(version, phi_hash, chunks, by, higher_is_better=SCORES[by].higher_is_better)
    if best is None:
        raise RunError(
            f"version {version}: after each number of inner steps that was tried some query loss is not finite: lower "
            "the inner learning rate, or give learner.inner_steps_evaluation a low number"
        )
    return best


def _expect_finite(scores: ChunkScores) -> None:
    for index, loss in enumerate(scores.of["loss"]):
        if not math.isfinite(loss):
            raise RunError(
                f"episode {index}: the query loss is {loss}, not finite: lower the inner learning rate or "
                "learner.inner_steps_evaluation"
            )
