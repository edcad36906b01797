"""The order in which φ is judged: every due validation, then the best version once on the test episodes."""

import logging

from phiforge.base.metrics import DAMAGED
from phiforge.registry import DATA, SCORES
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


def sample(platform: RunPlatform, record: RunRecord) -> None:
    """Ask for the fixed episodes that will judge a run."""
    for split in ("validation", "test"):
        for chunk in range(chunks_of(record, split)):
            platform.outbox.sample_evaluation(record.run, split, chunk)


def send(platform: RunPlatform, record: RunRecord, split: str, version: int) -> None:
    """Ask for the scores of ``version`` on ``split``, chunk by chunk, except the chunks that are there.

    If all chunks are there and only their summary is missing, one chunk is sent, whose evaluator will write it.
    """
    chunks = set(range(chunks_of(record, split)))
    for chunk in sorted(chunks - platform.exchange.scores(record.run, split, version).keys() or {0}):
        platform.outbox.evaluate(record.run, split, version, chunk)


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
    """Return the version with the best validation score: accuracy, of a regression the loss; of equals the first.

    Raises FormatError if scores are damaged.
    """
    scored = platform.record.scored(record.run, "validation")
    scores = {version: platform.record.scores(record.run, "validation", version) for version in scored}
    chosen_by = DATA[record.spec.data.name].chooses_by
    sign = -1 if SCORES[chosen_by].higher_is_better else 1
    return min(scored, key=lambda version: (sign * scores[version][chosen_by], version))
