"""Whose doing it is when work breaks: the moment's, so that another attempt may fare better, or the run's."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from phiforge.base.errors import AttemptError, PhiforgeError, RunError
from phiforge.learning.device import is_lost, may_pass

log = logging.getLogger(__name__)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say what was being worked on when it breaks: AttemptError if another attempt may fare better, else RunError.

    The same bytes through the same code raise the same error again, so most are not worth another attempt. A device
    that failed is of no more use to this process, which asks itself to stop: whoever looks after it starts another.
    Errors of the house, and those of Redis, go through.
    """
    try:
        yield
    except (PhiforgeError, redis.RedisError):
        raise
    except Exception as error:
        log.exception("%s", what)
        if is_lost(error):
            log.critical("the device failed, and every later use of it would: this process stops")
            os.kill(os.getpid(), signal.SIGTERM)
        kind = AttemptError if may_pass(error) else RunError
        raise kind(f"{what}: {type(error).__name__}: {error}") from error
