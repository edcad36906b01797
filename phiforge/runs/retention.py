"""What of a run is deleted when: episodes that no restore needs, and old checkpoints if that is wanted.

Nothing is lost by it: episodes follow from the seed and come out with the digest that the commit log holds, and any
version follows from a checkpoint before it.
"""

import math
from collections.abc import Sequence

from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec

BATCH = 64
"""Episode files that one message deletes: between two messages the sampler can serve whoever waits for episodes."""


def after_checkpoint(platform: RunPlatform, record: RunRecord) -> None:
    """Do what the policy wants once a new checkpoint is written; deleting episodes is left to a sampler."""
    if platform.settings.keep_episodes != "all":
        platform.outbox.retain(record.run)
    keep = platform.settings.keep_checkpoints
    if keep == "all":
        return
    there = platform.record.checkpoints(record.run)
    for version in dispensable_checkpoints(there, record.first_version, record.spec, keep):
        platform.record.delete_checkpoint(record.run, version)


def dispensable_checkpoints(there: Sequence[int], first: int, spec: RunSpec, keep: int) -> list[int]:
    """Return which of ``there``, in order, are neither the first, nor of the newest ``keep``, nor judged."""
    return [version for version in there[:-keep] if version != first and not spec.validates_at(version)]


def delete_episodes(platform: RunPlatform, run: str) -> None:
    """Delete a batch of the training episodes that ``run`` does not need, and ask for the next batch if there is more.

    Those of versions from the newest checkpoint on are needed while the run goes on; none are when it is over.
    """
    over = platform.record.status(run) is not RunStatus.RUNNING
    doomed = _unneeded(platform, run, over=over)
    for key in doomed[:BATCH]:
        platform.store.delete(key)
    if len(doomed) > BATCH:
        platform.outbox.retain(run)
    elif over:
        platform.record.settle(run)


def _unneeded(platform: RunPlatform, run: str, *, over: bool) -> list[str]:
    keep = platform.settings.keep_episodes
    if keep == "all":
        return []
    record, newest = platform.run(run), max(platform.record.checkpoints(run), default=0)
    if over or newest == record.spec.outer.versions:
        needed_from = math.inf
    else:
        needed_from = platform.consistency(record).episodes_needed_from(record, newest) - keep
    return [key for version, key in platform.record.training_episodes(run) if version < needed_from]
