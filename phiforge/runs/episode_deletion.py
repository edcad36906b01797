"""The deletion of training episodes that no restore needs, batch by batch: a sampler's work."""

import math

from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.platform import RunPlatform
from phiforge.runs.record import RunStatus

BATCH = 64
"""Episode files that one message deletes: between two messages the sampler can serve whoever waits for episodes."""


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
        needed_from = protocol_of(platform, record).episodes_needed_from(record, newest) - keep
    return [key for version, key in platform.record.training_episodes(run) if version < needed_from]
