"""Several messages of one kind in one command: a version's jobs reach their trainers in one round trip.

Celery's own way sends each by itself, and takes three times as long of the processor for each. What is sent is the same
message, but for what nobody here reads: what called it, and where to answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery
from celery.utils import uuid
from kombu.entity import PERSISTENT_DELIVERY_MODE
from kombu.messaging import Producer

Fields = Mapping[str, Any]

MOST_TOGETHER = 256
"""Messages of one command: the first are worked on while the others of a long version are still written."""


def send_together(app: Celery, queue: str, message: str, all_fields: Sequence[Fields]) -> None:
    """Send a message with each of ``all_fields`` to ``queue``, in order; retried as Celery's own, and raises as that.

    Args:
        app: whose broker it is
        queue: the broker's name of the queue
        message: what kind they all are of
        all_fields: JSON values by name, of each message
    """
    with app.producer_pool.acquire(block=True) as producer, producer.connection._reraise_as_library_errors():
        for first in range(0, len(all_fields), MOST_TOGETHER):
            _put(
                app, producer, queue, [_task(app, message, each) for each in all_fields[first : first + MOST_TOGETHER]]
            )


def _put(app: Celery, producer: Producer, queue: str, tasks: list[Any]) -> None:
    """Put tasks into a queue by one command, on another connection if this one is lost."""

    def put() -> None:
        channel = producer.channel
        channel.put_together(queue, [_prepared(producer, channel, queue, task) for task in tasks])

    producer.connection.ensure(producer, put, **app.conf.task_publish_retry_policy)()


def _task(app: Celery, message: str, fields: Fields) -> Any:  # noqa: ANN401 - Celery's own
    """Return a task as Celery's protocol has it; its representation is for logs."""
    told = repr(fields)
    return app.amqp.as_task_v2(uuid(), message, kwargs=fields, argsrepr="()", kwargsrepr=told, ignore_result=True)


def _prepared(producer: Producer, channel: Any, queue: str, task: Any) -> Any:  # noqa: ANN401 - kombu's own
    """Return what kombu would put into the queue for a task."""
    body, kind, encoding = producer._prepare(task.body, "json", headers=task.headers)
    properties = {**task.properties, "delivery_mode": PERSISTENT_DELIVERY_MODE}
    prepared = channel.prepare_message(body, None, kind, encoding, task.headers, properties)
    channel._inplace_augment_message(prepared, "", queue)
    return prepared
