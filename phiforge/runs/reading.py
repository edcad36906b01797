"""Reading episodes that a sampler may still be writing, or that were damaged."""

import logging
import time
from typing import NamedTuple

import numpy as np

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.base.metrics import DAMAGED
from phiforge.learning.tensors import torch_type
from phiforge.registry import DATA
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord
from phiforge.spec.task import Task
from phiforge.tasks.episodes import Episode, EpisodeBatch, digest_of

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""How long a worker waits for episodes before it takes another message."""


class Read(NamedTuple):
    """Episodes, and the digest of the file they were in."""

    episodes: list[Episode]
    digest: str


def read_episodes(
    platform: RunPlatform,
    key: str,
    record: RunRecord,
    task: Task,
    count: int,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Read:
    """Return the ``count`` episodes of ``task`` under ``key`` on this process's device; damaged ones are deleted.

    Raises NotReadyError if they are damaged, or not there after a short wait.
    """
    patience = time.monotonic() + patience_seconds
    while True:
        try:
            data = platform.store.get(key)
            batch = EpisodeBatch.from_bytes(data)
            _check(batch, record, task, count)
            episodes = batch.episodes(platform.settings.device, torch_type(record.spec.numerics.kept))
            return Read(list(episodes), digest_of(data))
        except MissingObjectError:
            if time.monotonic() > patience:
                raise NotReadyError(Outcome.WAITING) from None
            time.sleep(0.01)
        except FormatError as error:
            log.exception("dropping damaged episodes %s", key)
            DAMAGED.inc()
            platform.store.delete(key)
            raise NotReadyError(Outcome.DAMAGED) from error


def _check(batch: EpisodeBatch, record: RunRecord, task: Task, count: int) -> None:
    """Raise FormatError unless these are as many episodes, of as many such examples, as the run's: not another's."""
    support, query = task.n_way * task.k_shot, task.n_way * task.n_query
    part = DATA[record.spec.data.name]
    shape = part.example_shape(record.spec.data) if part.reinforcement else record.input_shape
    expected = (count, (support, *shape), (query, *shape))
    found = (len(batch), batch.support_x.shape[1:], batch.query_x.shape[1:])
    if found != expected:
        raise FormatError(f"not the run's episodes: (episodes, support, query) are {found}, expected {expected}")
    labels = [y for y in (batch.support_y, batch.query_y) if np.issubdtype(y.dtype, np.integer)]
    if any(y.min() < 0 or y.max() >= task.n_way for y in labels):
        raise FormatError(f"not the run's episodes: they have labels beyond their {task.n_way} ways")
