"""What the three services have in common: metrics, reconcile in the background, messages in the foreground."""

import logging
import threading

import redis
from prometheus_client import start_http_server

from phiforge.errors import StoreError
from phiforge.platform import Platform
from phiforge.progress import reconcile_all
from phiforge.queue import QueueName

log = logging.getLogger(__name__)


def serve(platform: Platform, queue: QueueName) -> None:
    """Serve ``queue`` until told to stop, with /metrics beside it; handlers must be registered before.

    Who may see φ moves runs too, as far as its rights go: a sampler does not, an evaluator writes no checkpoint.
    """
    settings = platform.settings
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    server, _ = start_http_server(settings.metrics_port, settings.metrics_host)
    log.info("%s service: metrics on http://%s:%d/metrics", queue, settings.metrics_host, server.server_port)
    stop = threading.Event()
    arguments = (platform, stop, queue == "training")
    thread = threading.Thread(target=_reconcile_until, args=arguments, name="reconcile", daemon=True)
    if queue != "sampling":
        thread.start()
    try:
        platform.queue.serve(queue)
    finally:
        stop.set()
        if thread.is_alive():
            thread.join(timeout=5)
        server.shutdown()


def _reconcile_until(platform: Platform, stop: threading.Event, keeps_checkpoints: bool) -> None:
    while not stop.wait(platform.settings.reconcile_seconds):
        try:
            reconcile_all(platform, keeps_checkpoints)
        except (redis.RedisError, StoreError) as error:
            log.warning("cannot reconcile now, will try again: %s", error)
        except Exception:
            log.exception("reconcile failed, will try again")
