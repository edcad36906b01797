"""Every kind of fault, by its name, with what a stage must have for it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from phiforge_client.chaos.faults import broker, clock, messages, processes, storage
from phiforge_client.chaos.stage import Stage


class Kind(NamedTuple):
    """One kind of fault: ``inject`` returns when it is over; ``needs`` names parts of the stage."""

    inject: Callable[[Stage], None]
    needs: tuple[str, ...] = ("fleet",)

    def possible(self, stage: Stage) -> bool:
        """Say whether ``stage`` has what this kind needs."""
        return all(getattr(stage, need) for need in self.needs)


KINDS: Mapping[str, Kind] = {
    "kill-trainer": Kind(processes.kill_trainer),
    "kill-sampler": Kind(processes.kill_sampler),
    "kill-evaluator": Kind(processes.kill_evaluator),
    "kill-everything": Kind(processes.kill_everything),
    "kill-at-point": Kind(processes.kill_at_point),
    "kill-pid": Kind(processes.kill_given, ("pids",)),
    "zombie": Kind(processes.zombie),
    "double-messages": Kind(messages.double_messages, ()),
    "lose-messages": Kind(messages.lose_messages, ()),
    "reorder-messages": Kind(messages.reorder_messages, ()),
    "wipe-redis": Kind(broker.wipe_redis, ("redis",)),
    "wipe-namespace": Kind(broker.wipe_namespace, ()),
    "restart-redis-empty": Kind(broker.restart_redis_empty, ("redis",)),
    "restart-redis-append-only": Kind(broker.restart_redis_append_only, ("redis",)),
    "refuse-writes": Kind(broker.refuse_writes, ("redis",)),
    "kill-store": Kind(storage.kill_store, ("s3",)),
    "slow-store": Kind(storage.slow_store, ("proxy",)),
    "busy-store": Kind(storage.busy_store, ("proxy",)),
    "cut-connections": Kind(storage.cut_connections, ("proxy",)),
    "truncate-episodes": Kind(storage.truncate_episodes, ()),
    "flip-bit-of-episodes": Kind(storage.flip_bit_of_episodes, ()),
    "fill-disk": Kind(storage.fill_disk, ("fleet", "on_disk")),
    "jump-clocks": Kind(clock.jump_clocks, ("clocks",)),
    "jump-redis-clock": Kind(clock.jump_redis_clock, ()),
}
