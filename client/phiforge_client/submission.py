"""From a raw spec to a run that waits for its turn: checked whole, published, queued."""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from phiforge.base.errors import RunError
from phiforge.fleet.platform import Platform
from phiforge.runs import submission
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.datasets import prepare
from phiforge.runs.submission import FactsOf, first_checkpoint
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.wish import Wish
from phiforge.runs.weights import with_weights
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge_client.steering import cancel, join, resume

_TRIES = 10
"""Of ids that others may have."""

__all__ = ["cancel", "checked_record", "enqueue", "first_checkpoint", "resume", "submit"]


def submit(
    platform: Platform, raw: Mapping[str, Any], progress: Progress | None = None, wish: Wish | None = None
) -> str:
    """Queue the run that ``raw`` describes, as is wished, and return its id; where there is room it starts at once.

    The dataset is published to object storage first, unless it is there. Raises SpecError, with nothing queued, if
    the run cannot be.
    """
    settings = platform.settings
    raw = with_weights(raw, settings, platform.store)
    record = checked_record(raw, lambda data: prepare(data, settings, platform.store, progress), settings.device)
    return enqueue(platform, record, first_checkpoint(record), wish)


def checked_record(raw: Mapping[str, Any], facts_of: FactsOf, device: str) -> RunRecord:
    """Return a new run of the spec that ``raw`` is; ``facts_of`` says what is known of its dataset.

    What the spec leaves to be settled is settled for ``device``.

    Raises SpecError with every problem.
    """
    return submission.checked_record(raw, facts_of, device, _run_id)


def enqueue(platform: Platform, record: RunRecord, start: Checkpoint, wish: Wish | None = None) -> str:
    """Write ``record`` and where it starts down, let it join the queue, and return the id that it has then."""
    wish = wish or Wish()
    record = _written(platform, record._replace(wish=wish))
    platform.checkpoints.save(record.run, start)
    join(platform, record.run, hold=wish.hold)
    return record.run


def _written(platform: Platform, record: RunRecord) -> RunRecord:
    """Write a record down and return it: under another id if its own was given to another run in the same second."""
    for _ in range(_TRIES):
        try:
            platform.record.create(record)
        except RunError:
            record = record._replace(run=new_id(record.run.rsplit("-", 3)[0]))
        else:
            return record
    platform.record.create(record)
    return record


def _run_id(spec: RunSpec) -> str:
    return new_id(spec.name)


def new_id(name: str) -> str:
    """Return an id that hardly anything has yet: a name, the time and four random digits."""
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
