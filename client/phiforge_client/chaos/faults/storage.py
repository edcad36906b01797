"""Faults of object storage: away, slow, busy, cut off, with damaged objects, on a full disk."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from phiforge.base.errors import MissingObjectError, ServiceError
from phiforge.runs.keys import training_episodes_key
from phiforge_client.chaos.proxy import CALM, FaultProxy, Weather
from phiforge_client.chaos.spec import SAMPLED_AHEAD
from phiforge_client.chaos.stage import Stage

_SAMPLED_SECONDS = 5.0
_AHEAD = SAMPLED_AHEAD - 1
"""How many versions ahead of the head episodes are damaged: near enough to be there, too far to have been read."""


def kill_store(stage: Stage) -> None:
    """Kill the S3 server, leave it dead for a while and start it again."""
    if not stage.s3:
        raise ServiceError("this fault needs an S3 server of its own")
    stage.s3.kill()
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        stage.s3.start()
        stage.watched.forgive()


def slow_store(stage: Stage) -> None:
    """Let every request to the store wait for a while."""
    _weather(stage, Weather(latency=0.3))


def busy_store(stage: Stage) -> None:
    """Let the store answer most requests with 503."""
    _weather(stage, Weather(refused=0.7))


def cut_connections(stage: Stage) -> None:
    """Cut the connection of one request in three: before it, in the middle of it, or of its answer."""
    _weather(stage, Weather(cut=0.35))


def truncate_episodes(stage: Stage) -> None:
    """Cut the end off episodes that no trainer has read yet."""
    _damage(stage, lambda data: data[: stage.random.randrange(len(data))])


def flip_bit_of_episodes(stage: Stage) -> None:
    """Flip one bit of episodes that no trainer has read yet."""

    def flip(data: bytes) -> bytes:
        place = stage.random.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << stage.random.randrange(8)]) + data[place + 1 :]

    _damage(stage, flip)


def fill_disk(stage: Stage) -> None:
    """Let the kernel refuse every byte that a service writes to a file, for a while."""
    pids = [service.process.pid for service in stage.own.services]
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        for service in stage.own.services:
            resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        stage.watched.forgive()


def _weather(stage: Stage, weather: Weather) -> None:
    proxy = _proxy(stage)
    proxy.weather = weather
    try:
        stage.wait(lambda: False, stage.outage_seconds)
    finally:
        proxy.weather = CALM
        stage.watched.forgive()


def _damage(stage: Stage, damage: Callable[[bytes], bytes]) -> None:
    """Damage every job's episodes of one version ahead of the head, as soon as they are there."""
    record = stage.platform.run(stage.run)
    with _trainers_still(stage):
        version = min(stage.watched.head + _AHEAD, record.spec.outer.versions - 1)
        keys = [training_episodes_key(stage.run, version, job) for job in range(record.spec.outer.jobs)]
        stage.wait(lambda: all(map(stage.platform.store.exists, keys)), _SAMPLED_SECONDS)
        for key in keys:
            with suppress(MissingObjectError):
                stage.platform.store.put(key, damage(stage.platform.store.get(key)))


@contextmanager
def _trainers_still(stage: Stage) -> Iterator[None]:
    """Let the trainers, if they are this machine's, read nothing in this block: a sampler may be only just ahead."""
    if not stage.fleet:
        yield
        return
    for service in stage.fleet.named("trainer"):
        os.kill(service.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        stage.fleet.resume()


def _proxy(stage: Stage) -> FaultProxy:
    if not stage.proxy:
        raise ServiceError("this fault needs an S3 server of its own")
    return stage.proxy
