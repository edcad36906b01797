"""Faults of clocks: the wall clocks of the services and of Redis jump, ahead and back."""

from client.chaos.stage import Stage
from phiforge.errors import ServiceError

_HOUR = 3600.0
_JUMPS = (2 * _HOUR, -2 * _HOUR, 10.0, -10.0)

_SHIFT = """
for _, key in ipairs(KEYS) do
  for _, field in ipairs({'moved_at', 'committed_at', 'still_since'}) do
    if redis.call('HEXISTS', key, field) == 1 then redis.call('HINCRBY', key, field, ARGV[1]) end
  end
end
"""


def jump_clocks(stage: Stage) -> None:
    """Let the clock of every service jump somewhere else, stay wrong for a while, and jump back."""
    if not stage.clocks:
        raise ServiceError("this fault needs libfaketime: apt-get install libfaketime")
    for name in stage.clocks.names():
        stage.clocks.set(name, stage.random.choice((0.0, *_JUMPS)))
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        for name in stage.clocks.names():
            stage.clocks.set(name, 0)


def jump_redis_clock(stage: Stage) -> None:
    """Let the clock of Redis jump, as its scripts see it: all that they noted lies so much elsewhere."""
    prefix = f"{stage.platform.settings.namespace}:{{{stage.run}}}"
    keys = [f"{prefix}:state", f"{prefix}:evaluation"]
    milliseconds = int(-1000 * stage.random.choice(_JUMPS))
    stage.platform.exchange.redis.eval(_SHIFT, len(keys), *keys, milliseconds)
