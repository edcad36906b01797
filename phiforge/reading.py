"""Reading episodes that a sampler may still be writing, or that were damaged."""

import logging
import time
from typing import NamedTuple

import torch

from phiforge.episodes import Episode, EpisodeBatch, digest_of
from phiforge.errors import FormatError, MissingObjectError
from phiforge.metrics import DAMAGED
from phiforge.platform import Platform

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""How long a worker waits for episodes before it takes another message."""


class NotReadyError(Exception):
    """Raised when episodes are not there, with why: ``waiting`` or ``damaged``; they must be asked for again."""


class Read(NamedTuple):
    """Episodes, and the digest of the file they were in."""

    episodes: list[Episode]
    digest: str


def read_episodes(platform: Platform, key: str, dtype: str) -> Read:
    """Return the episodes under ``key`` on this process's device; damaged ones are deleted.

    Raises NotReadyError if they are damaged, or not there after a short wait.
    """
    patience = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            data = platform.store.get(key)
            batch = EpisodeBatch.from_bytes(data)
            return Read(list(batch.episodes(platform.settings.device, getattr(torch, dtype))), digest_of(data))
        except MissingObjectError:
            if time.monotonic() > patience:
                raise NotReadyError("waiting") from None
            time.sleep(0.01)
        except FormatError as error:
            log.exception("dropping damaged episodes %s", key)
            DAMAGED.inc()
            platform.store.delete(key)
            raise NotReadyError("damaged") from error
