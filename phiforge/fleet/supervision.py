"""What a message's work goes through: attempts are counted, and what cannot be mended fails its run alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from phiforge.base.errors import AttemptError, RunError
from phiforge.fleet.attempts import working
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import fail

log = logging.getLogger(__name__)


@contextmanager
def guarded(platform: Platform, run: str, kind: str, work: str) -> Iterator[None]:
    """Do ``work`` of ``run`` as one of its few attempts; errors of the object storage or Redis go through."""
    try:
        with platform.attempts.attempt(run, kind, work), working(work):
            yield
    except AttemptError as error:
        log.warning("will try again: %s", error)
    except RunError as error:
        fail(platform, run, str(error))
