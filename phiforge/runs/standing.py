"""Why a run that is not over does not move, and for how long: as far as the roster and what services met tell."""

import redis

from phiforge.runs.platform import RunPlatform
from phiforge.runs.queues import SERVICES, QueueName
from phiforge.runs.troubles import Troubles

_QUIET_MS = 5000
"""Silence after which a run may stand, and not only take its time."""

_NO_REDIS = "standing: no Redis"


def standing(platform: RunPlatform, run: str, *, evaluating: bool, ask_redis: bool = True) -> str | None:
    """Return why ``run``, which is not over, stands, and since when; None if it moves, or nobody knows why not.

    Args:
        platform: of whoever looks
        run: its id
        evaluating: whether training is over, so that it waits for scores
        ask_redis: False if Redis is known not to answer
    """
    if evaluating and (damaged := platform.record.damaged_report(run)):
        return f"standing: {damaged}; `phiforge resume {run}`"
    if not ask_redis:
        return _NO_REDIS
    try:
        why, since_ms = _why(platform, run, evaluating=evaluating)
    except (redis.ConnectionError, redis.TimeoutError):
        return _NO_REDIS
    return f"standing: {why}{_since(since_ms)}" if why else None


def _why(platform: RunPlatform, run: str, *, evaluating: bool) -> tuple[str | None, int | None]:
    """Return why a run stands, if it does, and for how many ms."""
    exchange = platform.exchange
    now = exchange.now()
    still = exchange.still_since(run, "evaluation" if evaluating else "state")
    quiet = None if still is None else max(0, now - still)
    needed: list[QueueName] = ["evaluation" if evaluating else "training"]
    if (quiet or 0) > _QUIET_MS:
        needed.append("sampling")
    missing = [SERVICES[queue] for queue in needed if not _lives(platform, queue, now)]
    if missing:
        return f"no {missing[0]}", quiet
    trouble = Troubles(exchange).latest()
    if trouble and still is not None and (quiet or 0) > _QUIET_MS and trouble.at > still:
        return trouble.what, quiet
    return None, None


def _lives(platform: RunPlatform, queue: QueueName, now: int) -> bool:
    """Say whether the roster names a worker of ``queue`` that gave a sign of life within a lease."""
    lease = 1000 * platform.settings.lease_seconds
    return any(abs(now - beat) <= lease for beat in platform.exchange.beats(queue))


def _since(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f", for {minutes}:{seconds:02d}"
