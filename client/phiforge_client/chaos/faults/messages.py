"""Faults of messages, made on the broker's own lists: delivered twice, lost, out of order."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis

from phiforge.runs.queues import QUEUES
from phiforge_client.chaos.stage import Stage

_SWEEP_SECONDS = 0.002
_UNACKNOWLEDGED = "{queue}.unacked"
"""Where the broker's client keeps what workers of a queue hold: a hash of [message, exchange, queue] by delivery."""

_SHUFFLE = """
local messages = redis.call('LRANGE', KEYS[1], 0, -1)
if #messages < 2 then return 0 end
math.randomseed(tonumber(ARGV[1]))
for last = #messages, 2, -1 do
  local other = math.random(last)
  messages[last], messages[other] = messages[other], messages[last]
end
redis.call('DEL', KEYS[1])
for _, message in ipairs(messages) do redis.call('RPUSH', KEYS[1], message) end
return #messages
"""

Sweep = Callable[[Any, list[str]], None]
"""Does its harm once, given a client of the broker and the names of the queues."""


def double_messages(stage: Stage) -> None:
    """For a while, send a copy of every message that waits or is being worked on."""
    seen: set[str] = set()

    def sweep(client: redis.Redis, queues: list[str]) -> None:
        for queue, message in _all_messages(client, queues):
            tag = json.loads(message)["properties"]["delivery_tag"]
            if tag not in seen:
                seen.add(tag)
                client.lpush(queue, message)

    _sweeping(stage, sweep, _SWEEP_SECONDS)


def lose_messages(stage: Stage) -> None:
    """For a while, throw every other message that waits away."""

    def sweep(client: Any, queues: list[str]) -> None:  # noqa: ANN401 - its types are of another kind of client
        for queue in queues:
            for message in client.lrange(queue, 0, -1):
                if stage.random.random() < 0.5:
                    client.lrem(queue, 1, message)

    _sweeping(stage, sweep, 0.2)


def reorder_messages(stage: Stage) -> None:
    """For a while, shuffle the messages that wait, again and again."""

    def sweep(client: Any, queues: list[str]) -> None:  # noqa: ANN401
        for queue in queues:
            client.eval(_SHUFFLE, 1, queue, stage.random.randrange(2**31))

    _sweeping(stage, sweep, _SWEEP_SECONDS)


def _sweeping(stage: Stage, sweep: Sweep, pause_seconds: float) -> None:
    """Sweep in the background for as long as an outage lasts, or until the run is over."""
    over = threading.Event()

    def sweep_on() -> None:
        client = redis.Redis.from_url(stage.platform.settings.broker_url)
        queues = [stage.platform.queue.name(queue) for queue in QUEUES]
        with client:
            while not over.is_set():
                with suppress(redis.RedisError):
                    sweep(client, queues)
                time.sleep(pause_seconds)

    thread = threading.Thread(target=sweep_on, name="messages", daemon=True)
    thread.start()
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        over.set()
        thread.join()


def _all_messages(client: Any, queues: list[str]) -> list[tuple[str, bytes]]:  # noqa: ANN401
    waiting = [(queue, message) for queue in queues for message in client.lrange(queue, 0, -1)]
    held = [json.loads(entry) for queue in queues for entry in client.hvals(_UNACKNOWLEDGED.format(queue=queue))]
    return waiting + [(queue, json.dumps(message).encode()) for message, _, queue in held]
