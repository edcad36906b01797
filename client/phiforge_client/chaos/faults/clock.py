"""Faults of clocks: the wall clocks of the services and of Redis jump, ahead and back."""

from phiforge.base.errors import ServiceError
from phiforge_client.chaos.stage import Stage

_START_SECONDS = 30.0
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
    """Let the clocks of a trainer and a sampler jump somewhere else, stay wrong for a while, and jump back."""
    if not stage.clocks:
        raise ServiceError("this fault needs libfaketime: apt-get install libfaketime")
    names = [_follower(stage, kind) for kind in ("trainer", "sampler")]
    stage.wait(lambda: all(map(stage.own.ready, names)), _START_SECONDS)
    try:
        for _ in range(2):
            for name in names:
                stage.clocks.set(name, stage.random.choice(_JUMPS))
            stage.wait(lambda: False, stage.outage_seconds / 2)
    finally:
        for name in names:
            stage.clocks.set(name, 0)


def _follower(stage: Stage, kind: str) -> str:
    """Return a service of ``kind`` whose clock can be set; if there is none, one is killed and comes back as such."""
    clocks, services = stage.clocks, [each for each in stage.own.services if each.name.startswith(kind)]
    if not clocks:
        raise ServiceError("there are no clocks")
    for service in services:
        if clocks.has(service.name):
            return service.name
    chosen = stage.random.choice(services)
    clocks.set(chosen.name, 0)
    stage.own.kill(chosen)
    return chosen.name


def jump_redis_clock(stage: Stage) -> None:
    """Let the clock of Redis jump, as its scripts see it: all that they noted lies so much elsewhere."""
    prefix = f"{stage.platform.settings.namespace}:{{{stage.run}}}"
    keys = [f"{prefix}:state", f"{prefix}:evaluation"]
    milliseconds = int(-1000 * stage.random.choice(_JUMPS))
    stage.platform.exchange.redis.eval(_SHIFT, len(keys), *keys, milliseconds)
