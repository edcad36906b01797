"""Looks again and again whether a run that is served has a better version by now, and lets new tasks get it."""

import asyncio
import logging
from collections.abc import Sequence

from phiforge.base.errors import PhiforgeError
from phiforge.base.metrics import SERVED_SWAPS
from phiforge_server.versions import Versions

log = logging.getLogger(__name__)


async def follow(served: Sequence[Versions], every_seconds: float) -> None:
    """Look for better versions until cancelled, beside the event loop, so that no request waits for it.

    Args:
        served: the models, of which those of a run are looked for.
        every_seconds: between two looks.
    """
    of_runs = [each for each in served if each.followed is not None]
    while of_runs:
        await asyncio.sleep(every_seconds)
        for each in of_runs:
            await _look(each)


async def _look(versions: Versions) -> None:
    """Look once, whatever comes of it: a fault of ours, or of what was written, must not end all further looks."""
    try:
        await asyncio.get_running_loop().run_in_executor(None, take_best, versions)
    except Exception:
        assert versions.followed is not None
        log.exception("run %s is served as it was: a better version could not be looked for", versions.followed.run)


def take_best(versions: Versions) -> bool:
    """Offer the best version of a run, read whole before any request sees it; return whether it is another one.

    A run that cannot be read keeps the version that is offered, and is asked again at the next look.
    """
    assert versions.followed is not None
    before = versions.offered.learned.version
    try:
        best = versions.followed.best()
        if best == before:
            return False
        versions.offer(versions.followed.model(best))
    except PhiforgeError as error:
        log.warning("run %s is served by version %d still: %s", versions.followed.run, before, error)
        return False
    SERVED_SWAPS.inc()
    log.info("run %s is served by version %d, no longer by %d", versions.followed.run, best, before)
    return True
