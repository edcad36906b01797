"""What the three services have in common: metrics, reconcile in the background, messages in the foreground."""

import gc
import logging
import random
import threading
from contextlib import suppress
from functools import partial
from wsgiref.simple_server import WSGIServer

import redis
import torch
from prometheus_client import start_http_server

from phiforge.base.errors import IncapableWorkerError, ServiceError, StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.fleet.roster import Roster
from phiforge.runs.queues import QueueName
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.troubles import Troubles

log = logging.getLogger(__name__)

_BEATS = 5
"""Times a lease is renewed before it would run out."""

_TURN, _JITTER = 0.75, 0.25
"""Shares of the pause between two looks at the runs: for so long one service's look counts for all of its kind, and by
so much their pauses differ, so that it is not always the same one's."""

_TRAINER_LOOKED = "trainer-looked"
_TRAINERS_COUNT = 2.0
"""Pauses after which evaluators look by themselves, if no trainer does."""


def serve(platform: Platform, queue: QueueName) -> None:
    """Serve ``queue`` until told to stop, with /metrics beside it; handlers must be registered before.

    Who may see φ moves runs too, as far as its rights go: a sampler does not, an evaluator writes no checkpoint.
    """
    settings = platform.settings
    torch.set_num_threads(1)  # until a run's spec says how many
    server = _metrics_server(settings)
    log.info("%s service: metrics on http://%s:%d/metrics", queue, settings.metrics_host, server.server_port)
    stop, roster = threading.Event(), Roster.of(platform, queue)
    _beat(platform, roster)  # who is there is seen before it takes its first message
    looking = partial(_reconcile_until, platform, stop, queue)
    beating = partial(_beat_until, platform, roster, stop)
    background = {"beat": beating} if queue == "sampling" else {"beat": beating, "reconcile": looking}
    threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in background.items()]
    for thread in threads:
        thread.start()
    gc.freeze()  # what a start leaves is no garbage, and so much that full collections would hardly ever come
    try:
        platform.queue.serve(queue)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)
        _leave(roster)
        server.shutdown()


def _metrics_server(settings: Settings) -> WSGIServer:
    try:
        return start_http_server(settings.metrics_port, settings.metrics_host)[0]
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {settings.metrics_host}:{settings.metrics_port} for /metrics ({error.strerror or error})"
            ": set PHIFORGE_METRICS_PORT to a free port, or to 0 for any, and PHIFORGE_METRICS_HOST to an address of "
            "this machine"
        ) from error


def _beat_until(platform: Platform, roster: Roster, stop: threading.Event) -> None:
    while not stop.wait(platform.attempts.lease_seconds / _BEATS):
        _beat(platform, roster)


def _beat(platform: Platform, roster: Roster) -> None:
    """Say that this process lives, and renew the lease of whatever it is at."""
    try:
        platform.attempts.beat()
        roster.beat()
    except redis.RedisError as error:
        log.warning("cannot renew leases now, will try again: %s", error)


def _leave(roster: Roster) -> None:
    """Let nobody wait for this process; if Redis cannot be told, it is forgotten in a while."""
    with suppress(redis.RedisError):
        roster.leave()


def _reconcile_until(platform: Platform, stop: threading.Event, queue: QueueName) -> None:
    pause = platform.settings.reconcile_seconds
    while not stop.wait(pause * random.uniform(1 - _JITTER, 1 + _JITTER)):
        try:
            reconcile_in_turn(platform, queue)
        except (redis.RedisError, StoreError) as error:
            log.warning("cannot reconcile now, will try again: %s", error)
            _note(platform, queue, error)
        except IncapableWorkerError as error:
            log.info("leaving to others: %s", error)
        except Exception:
            log.exception("reconcile failed, will try again")


def _note(platform: Platform, queue: QueueName, error: Exception) -> None:
    """Keep what was met at the storage for whoever wonders why a run stands."""
    if isinstance(error, StoreError):
        with suppress(redis.RedisError):
            Troubles(platform.exchange).note(queue, error)


def reconcile_in_turn(platform: Platform, queue: QueueName) -> None:
    """Reconcile all runs, unless another just did: one that serves ``queue``, or a trainer, whose rights go further.

    So the store is asked no oftener by many. Raises IncapableWorkerError if this process cannot read some run: its look
    then counts for nobody but itself.
    """
    locks, pause, trains = platform.locks, platform.settings.reconcile_seconds, queue == "training"
    with locks.hold(f"look:{queue}", _TURN * pause, stays=True) as ours:
        if ours and (trains or not locks.remembers(_TRAINER_LOOKED)):
            reconcile_all(platform, keeps_checkpoints=trains)
            if trains:
                locks.remember(_TRAINER_LOOKED, _TRAINERS_COUNT * pause)
            return
    for run in platform.sightings.runs():
        platform.sightings.note(run, platform.exchange.state(run))
