"""The queues of a fleet, and which service serves each."""

from collections.abc import Mapping
from typing import Literal

QueueName = Literal["sampling", "training", "evaluation"]

SERVICES: Mapping[QueueName, str] = {"sampling": "sampler", "training": "trainer", "evaluation": "evaluator"}
"""What a person calls a worker of each queue."""

QUEUES: tuple[QueueName, ...] = tuple(SERVICES)
