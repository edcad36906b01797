"""What of a run is deleted when: episodes that no restore needs, and old checkpoints if that is wanted.

Nothing is lost by it: episodes follow from the seed and come out with the digest that the commit log holds, and any
version follows from a checkpoint before it.
"""

from collections.abc import Sequence

from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec


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
