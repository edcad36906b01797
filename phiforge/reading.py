"""Reading episodes that a sampler may still be writing, or that were damaged."""

import logging
import time

import torch

from phiforge.episodes import Episode, EpisodeBatch
from phiforge.errors import FormatError, MissingObjectError
from phiforge.metrics import DAMAGED
from phiforge.platform import Platform

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""How long a worker waits for episodes before it takes another message."""


class NotReadyError(Exception):
    """Raised when episodes are not there, with why: ``waiting`` or ``damaged``; they must be asked for again."""


def read_episodes(platform: Platform, key: str, dtype: str) -> list[Episode]:
    """Return the episodes under ``key`` on this process's device; damaged ones are deleted.

    Raises NotReadyError if they are damaged, or not there after a short wait.
    """
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            batch = EpisodeBatch.from_bytes(platform.store.get(key))
            return list(batch.episodes(platform.settings.device, getattr(torch, dtype)))
        except MissingObjectError:
            if time.monotonic() > patience:
                raise NotReadyError("waiting") from None
            time.sleep(0.01)
        except FormatError as error:
            log.exception("dropping damaged episodes %s", key)
            DAMAGED.inc()
            platform.store.delete(key)
            raise NotReadyError("damaged") from error
