"""The Celery app, its queues and its messages: JSON keys, never tensors."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any, Literal

from celery import Celery
from kombu.entity import Queue as BrokerQueue

from phiforge.settings import Settings

QueueName = Literal["sampling", "training", "evaluation"]
QUEUES: tuple[QueueName, ...] = ("sampling", "training", "evaluation")

SAMPLE_TRAINING = "phiforge.sample_training"
SAMPLE_EVALUATION = "phiforge.sample_evaluation"
RETAIN = "phiforge.retain"
TRAIN = "phiforge.train"
EVALUATE = "phiforge.evaluate"

_QUEUE_OF: dict[str, QueueName] = {
    SAMPLE_TRAINING: "sampling",
    SAMPLE_EVALUATION: "sampling",
    RETAIN: "sampling",
    TRAIN: "training",
    EVALUATE: "evaluation",
}

UNACKNOWLEDGED_SECONDS = 6 * 3600
"""Longer than any job: redelivery by the broker is never what brings a run forward (``reconcile`` is)."""


class Queue:
    """Sends and receives the messages of one fleet."""

    def __init__(self, settings: Settings) -> None:
        self.namespace = settings.namespace
        self.app = _app(settings)

    def name(self, queue: QueueName) -> str:
        """Return the broker's name of ``queue``."""
        return f"{self.namespace}.{queue}"

    def sample_training(self, run: str, version: int) -> None:
        """Ask a sampler for the episodes of ``version``."""
        self._send(SAMPLE_TRAINING, run=run, version=version)

    def sample_evaluation(self, run: str, split: str, chunk: int) -> None:
        """Ask a sampler for a chunk of the fixed episodes of ``split``."""
        self._send(SAMPLE_EVALUATION, run=run, split=split, chunk=chunk)

    def retain(self, run: str) -> None:
        """Ask a sampler to delete the training episodes that ``run`` does not need any more."""
        self._send(RETAIN, run=run)

    def train(self, run: str, version: int, job: int) -> None:
        """Ask a trainer for the contribution of ``job`` to the step from ``version``."""
        self._send(TRAIN, run=run, version=version, job=job)

    def evaluate(self, run: str, split: str, version: int, chunk: int) -> None:
        """Ask an evaluator for the scores of ``version`` on a chunk of ``split``."""
        self._send(EVALUATE, run=run, split=split, version=version, chunk=chunk)

    def handle(self, message: str, handler: Callable[..., None]) -> None:
        """Let ``handler(**fields, sent_at=...)`` take the messages of one kind in this process."""
        self.app.task(handler, name=message, ignore_result=True)

    def serve(self, queue: QueueName) -> None:
        """Take messages of ``queue`` one at a time, in this process, until SIGTERM or SIGINT."""
        worker = self.app.Worker(
            pool="solo",
            queues=[self.name(queue)],
            hostname=worker_name(queue),
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        worker.start()
        if worker.exitcode:
            raise SystemExit(worker.exitcode)

    def close(self) -> None:
        """Give the broker connections back."""
        self.app.close()

    def _send(self, message: str, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        queue = self.name(_QUEUE_OF[message])
        self.app.send_task(message, kwargs=fields | {"sent_at": time.time()}, queue=queue)


def worker_name(queue: QueueName) -> str:
    """Return how this process is called where it serves ``queue``."""
    return f"{queue}-{os.getpid()}@{socket.gethostname()}"


def _app(settings: Settings) -> Celery:
    """Build the app; a message names its queue alone, so that no exchange's bindings in Redis can be lost."""
    app = Celery("phiforge", broker=settings.broker_url.replace("unix://", "redis+socket://"), set_as_current=False)
    names = [f"{settings.namespace}.{queue}" for queue in QUEUES]
    app.conf.update(
        task_queues=[BrokerQueue(name) for name in names],
        task_default_queue=names[0],
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=0,  # a limit would count a message that could not be acknowledged for ever
        worker_disable_prefetch=True,  # one message at a time
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,  # a Redis that refuses to write must not end a worker
        broker_transport_options={
            "visibility_timeout": UNACKNOWLEDGED_SECONDS,
            "global_keyprefix": "",
            "socket_keepalive": True,
        },
    )
    return app
