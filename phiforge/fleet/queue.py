"""The Celery app, its queues and its messages: JSON keys, never tensors."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from celery import Celery
from celery.signals import setup_logging, task_internal_error, task_rejected, task_unknown
from celery.worker import state as worker_state
from kombu.entity import Queue as BrokerQueue

from phiforge.base.errors import MessageError
from phiforge.base.metrics import REFUSED_MESSAGES
from phiforge.base.redis_address import RedisAddress
from phiforge.base.settings import Settings
from phiforge.fleet import broker
from phiforge.fleet.messages import EVALUATE, MESSAGES, RETAIN, SAMPLE_EVALUATION, SAMPLE_TRAINING, TRAIN, read_message
from phiforge.fleet.sending import send_together
from phiforge.runs.connection import address_of, tls
from phiforge.runs.queues import QUEUES, QueueName

log = logging.getLogger(__name__)

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

    def __init__(self, settings: Settings, length: Callable[[str], int]) -> None:
        """Use the broker that ``settings`` name; ``length`` says how many messages wait under a name there."""
        self.namespace = settings.namespace
        self._length = length
        self.app = _app(settings)
        self._serves = False

    @property
    def serves_on(self) -> bool:
        """Whether this process takes messages, and has not been asked to stop."""
        asked = worker_state.should_stop, worker_state.should_terminate  # exit codes, of which one is 0
        return self._serves and all(each is None or each is False for each in asked)

    def waiting(self, queue: QueueName = "training") -> int:
        """Return how many messages of ``queue`` wait for somebody to take them."""
        return self._length(self.name(queue))

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

    def train_together(self, run: str, jobs: Iterable[tuple[int, int]]) -> None:
        """Ask trainers for the contributions of ``jobs``, each (version, job), all in one command."""
        sent_at = time.time()
        fields = [{"run": run, "version": version, "job": job, "sent_at": sent_at} for version, job in jobs]
        if fields:
            send_together(self.app, self.name(_QUEUE_OF[TRAIN]), TRAIN, fields)

    def evaluate(self, run: str, split: str, version: int, chunk: int) -> None:
        """Ask an evaluator for the scores of ``version`` on a chunk of ``split``."""
        self._send(EVALUATE, run=run, split=split, version=version, chunk=chunk)

    def handle(self, message: str, handler: Callable[..., None]) -> None:
        """Let ``handler(**fields, sent_at=...)`` take the messages of one kind in this process.

        One whose fields are not as they should be does not reach it; one it raises MessageError for is dropped too.
        """

        def take(*positional: Any, **fields: Any) -> None:  # noqa: ANN401 - whatever was sent
            try:
                checked = read_message(message, positional, fields)
            except MessageError as error:
                _refuse("fields", error)
                return
            try:
                handler(**checked)
            except MessageError as error:
                _refuse("misfit", error)
            except MemoryError:  # which Celery would take for a reason to end the worker
                log.exception("no memory for a message of kind %s", message)

        self.app.task(take, name=message, ignore_result=True)

    def serve(self, queue: QueueName) -> None:
        """Take messages of ``queue`` one at a time, in this process, until SIGTERM or SIGINT.

        What is taken and not done yet lies under keys of this queue's own, which no other service needs to touch.
        """
        own = {"unacked_key": "unacked", "unacked_index_key": "unacked_index", "unacked_mutex_key": "unacked_mutex"}
        self.app.conf.broker_transport_options |= {option: f"{self.name(queue)}.{name}" for option, name in own.items()}
        self._forget_own_tasks()
        worker = self.app.Worker(
            pool="solo",
            queues=[self.name(queue)],
            hostname=worker_name(queue),
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        self._serves = True
        worker.start()
        if worker.exitcode:
            raise SystemExit(worker.exitcode)

    def close(self) -> None:
        """Give the broker connections back."""
        self.app.close()

    def _forget_own_tasks(self) -> None:
        """Serve nothing but the messages that have a handler: Celery's own tasks run whatever they are told to."""
        self.app.finalize()
        for name in [name for name in self.app.tasks if name not in MESSAGES]:
            self.app.tasks.unregister(name)

    def _send(self, message: str, **fields: Any) -> None:  # noqa: ANN401 - JSON values
        queue = self.name(_QUEUE_OF[message])
        self.app.send_task(message, kwargs=fields | {"sent_at": time.time()}, queue=queue)


def worker_name(queue: QueueName) -> str:
    """Return how this process is called where it serves ``queue``."""
    return f"{queue}-{os.getpid()}@{socket.gethostname()}"


def _refuse(reason: str, error: object) -> None:
    log.error("refused a message: %s", error)
    REFUSED_MESSAGES.labels(reason=reason).inc()


@setup_logging.connect  # type: ignore[untyped-decorator]
def _leave_logging_alone(**_: Any) -> None:  # noqa: ANN401 - a signal's
    """Keep the levels that the service has set, which Celery would raise; its own words count from WARNING on."""
    for library in ("celery", "kombu"):
        logging.getLogger(library).setLevel(logging.WARNING)


@task_rejected.connect  # type: ignore[untyped-decorator]
@task_internal_error.connect  # type: ignore[untyped-decorator]
def _count_rejected(**_: Any) -> None:  # noqa: ANN401 - a signal's
    """Count what Celery refuses by itself, and logs: other serialisers than JSON, no task in it, no named fields."""
    REFUSED_MESSAGES.labels(reason="unreadable").inc()


@task_unknown.connect  # type: ignore[untyped-decorator]
def _count_unknown(**_: Any) -> None:  # noqa: ANN401 - a signal's
    """Count messages of a kind that is not served here, which Celery drops."""
    REFUSED_MESSAGES.labels(reason="unknown").inc()


def _app(settings: Settings) -> Celery:
    """Build the app; a message names its queue alone, so that no exchange's bindings in Redis can be lost."""
    broker.register()
    address = address_of(settings)
    app = Celery("phiforge", broker=_broker_url(address, settings.broker_login), set_as_current=False)
    if address.encrypted:
        app.conf.broker_use_ssl = tls(settings)
    names = [f"{settings.namespace}.{queue}" for queue in QUEUES]
    app.conf.update(
        task_queues=[BrokerQueue(name) for name in names],
        task_default_queue=names[0],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        accept_content=["json"],
        result_accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_consumer=broker.CONSUMER,
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


def _broker_url(address: RedisAddress, login: tuple[str, str] | None) -> str:
    """Return the broker's address as Celery wants it, with the password in it; Celery masks that when it prints it."""
    who = ":".join(quote(part, safe="") for part in login) + "@" if login else ""
    scheme, _, place = address.url.partition("://")
    if scheme == "unix":  # kombu's name for a database of a socket
        return f"redis+socket://{who}{place.replace('?db=', '?virtual_host=')}"
    return f"{scheme}://{who}{place}"
