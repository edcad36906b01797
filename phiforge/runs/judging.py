"""The order in which φ is judged: every due validation, then the best version once on the test episodes."""

import logging
from collections.abc import Collection

from phiforge.base.metrics import DAMAGED
from phiforge.runs.best import best_of
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord

log = logging.getLogger(__name__)


def chunks_of(record: RunRecord, split: str) -> int:
    """Return how many messages the episodes of ``split`` are scored in."""
    return -(-tasks_of(record, split) // record.spec.evaluation.chunk_size)


def tasks_of(record: RunRecord, split: str) -> int:
    """Return how many fixed episodes of ``split`` judge a run."""
    evaluation = record.spec.evaluation
    return evaluation.test_tasks if split == "test" else evaluation.validation_tasks


def kind_of(record: RunRecord, split: str) -> str:
    """Return what Redis calls the scores of chunks of ``split``.

    Those after several numbers of inner steps have a name of their own: an evaluator of an earlier version, which knows
    of one number, can neither read them nor add to them. Whichever of the two is done first is recorded.
    """
    return f"{split}:tried" if record.tries_steps else split


def sample(platform: RunPlatform, record: RunRecord) -> None:
    """Ask for the fixed episodes that will judge a run."""
    for split in ("validation", "test"):
        for chunk in range(chunks_of(record, split)):
            platform.outbox.sample_evaluation(record.run, split, chunk)


def send(platform: RunPlatform, record: RunRecord, split: str, version: int) -> None:
    """Ask for the scores of ``version`` on ``split``: of each lane the first chunk that is not there.

    A lane is every so manieth chunk, of which one is on the queue at a time: so runs take turns at evaluators. If all
    chunks are there and only their summary is missing, one chunk is sent, whose evaluator will write it.
    """
    there = platform.exchange.scored_chunks(record.run, kind_of(record, split), version)
    lanes = _lanes(platform)
    firsts = [_next(record, split, lane, lanes, there) for lane in range(min(lanes, chunks_of(record, split)))]
    for chunk in [first for first in firsts if first is not None] or [0]:
        platform.outbox.evaluate(record.run, split, version, chunk)


def send_after(
    platform: RunPlatform, record: RunRecord, split: str, version: int, chunk: int, there: Collection[int]
) -> None:
    """Ask for the chunk after ``chunk``, now scored, in its lane: the next that is not ``there``, if any."""
    lanes = _lanes(platform)
    following = _next(record, split, chunk + lanes, lanes, there)
    if following is not None:
        platform.outbox.evaluate(record.run, split, version, following)


def _next(record: RunRecord, split: str, first: int, lanes: int, there: Collection[int]) -> int | None:
    """Return the first chunk from ``first`` on in its lane that is not there."""
    return next((chunk for chunk in range(first, chunks_of(record, split), lanes) if chunk not in there), None)


def _lanes(platform: RunPlatform) -> int:
    """Return how many chunks of a run are on the queue at a time: for each evaluator the one it is at, and a next."""
    return 2 * max(1, platform.exchange.workers("evaluation"))


def send_due(platform: RunPlatform, record: RunRecord) -> bool:
    """Ask for the scores that are due first; False if there are none.

    One version at a time, or a run that is judged often would have as many chunks on the queue as versions.
    """
    for split, version in due(platform, record)[:1]:
        send(platform, record, split, version)
        return True
    return False


def due(platform: RunPlatform, record: RunRecord) -> list[tuple[str, int]]:
    """Return what can be scored now and is not: (split, version) pairs, empty while there is nothing to do.

    The test episodes are due only when training is over and every validation is in, undamaged. When they have been
    scored too, and only the report is missing, they are returned once more, for the evaluator that will write it.
    """
    spec, recorded = record.spec, platform.record.checkpoints(record.run)
    judged = [version for version in recorded if spec.validates_at(version)]
    there = set(platform.record.scored(record.run, "validation"))
    missing = [version for version in judged if version not in there]
    if recorded[-1] < spec.outer.versions:
        return [("validation", version) for version in missing]
    missing = missing or [version for version in judged if not _is_readable(platform, record, version)]
    return [("validation", version) for version in missing] or [("test", best_version(platform, record))]


def _is_readable(platform: RunPlatform, record: RunRecord, version: int) -> bool:
    """Say whether the scores of ``version`` can be read; damaged ones are taken again, and written over."""
    if platform.record.has_scores(record.run, "validation", version):
        return True
    log.error("run %s: its validation scores of version %d are damaged, taking them again", record.run, version)
    DAMAGED.inc()
    return False


def best_version(platform: RunPlatform, record: RunRecord) -> int:
    """Return the version with the best validation score: see ``best_of``."""
    return best_of(platform.record, record)
