"""Faults of Redis: wiped, killed and started again with or without what it held, refusing to write."""

from phiforge.base.errors import ServiceError
from phiforge_client.chaos.stage import Stage


def wipe_redis(stage: Stage) -> None:
    """Let Redis lose all that it holds, queues included."""
    stage.watched.expect_rewind()
    stage.platform.exchange.redis.flushall()


def wipe_namespace(stage: Stage) -> None:
    """Let Redis lose all that it holds of this fleet, queues included."""
    stage.watched.expect_rewind()
    client = stage.platform.exchange.redis
    for pattern in (f"{stage.platform.settings.namespace}:*", f"{stage.platform.settings.namespace}.*"):
        for key in client.scan_iter(pattern, count=1000):
            client.delete(key)


def restart_redis_empty(stage: Stage) -> None:
    """Kill Redis, leave it dead for a moment and start it again with nothing in it."""
    _restart(stage, append_only=False)


def restart_redis_append_only(stage: Stage) -> None:
    """Kill Redis, leave it dead for a moment and start it again from its append-only file, which may lack a second."""
    stage.platform.exchange.redis.config_set("appendonly", "yes")
    stage.pause(1.0)
    _restart(stage, append_only=True)
    stage.platform.exchange.redis.config_set("appendonly", "no")


def refuse_writes(stage: Stage) -> None:
    """Let Redis be out of memory for a while: it answers every write with an error."""
    client = stage.platform.exchange.redis
    client.config_set("maxmemory", 1)
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        client.config_set("maxmemory", 0)
        stage.watched.forgive()


def _restart(stage: Stage, append_only: bool) -> None:
    if not stage.redis:
        raise ServiceError("this fault needs a Redis of its own")
    stage.watched.expect_rewind()
    stage.redis.kill()
    stage.pause(min(2.0, stage.outage_seconds))
    stage.redis.start(append_only)
    stage.watched.forgive()
