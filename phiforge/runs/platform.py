"""What every service stands on: settings, record, exchange and queue, opened once a process."""

from functools import lru_cache
from typing import Self

from phiforge.base.settings import Settings
from phiforge.fleet.attempts import Attempts
from phiforge.fleet.queue import Queue
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import Learner, TaskShape, build_learner
from phiforge.learning.tensors import Tensors, torch_type
from phiforge.registry import DATA
from phiforge.runs.connection import connect
from phiforge.runs.consistency.bounded_staleness.exchange import TicketExchange
from phiforge.runs.exchange import Exchange
from phiforge.runs.locks import Locks
from phiforge.runs.record import Record, RunRecord
from phiforge.runs.sightings import Sightings
from phiforge.runs.store import Store, open_store
from phiforge.spec.task import Task


class Platform:
    """One process's connections."""

    def __init__(self, settings: Settings, store: Store, exchange: Exchange, queue: Queue) -> None:
        self.settings = settings
        self.store = store
        self.record = Record(store)
        self.exchange = exchange
        self.tickets = TicketExchange(exchange)
        self.queue = queue
        self.locks = Locks(exchange)
        self.attempts = Attempts(exchange, settings.lease_seconds)
        self.sightings = Sightings()
        self.run = lru_cache(maxsize=64)(self.record.run)
        """A run's record, which never changes."""

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect to what ``settings`` name; raises StoreError if the object storage cannot be used."""
        exchange = Exchange(connect(settings), settings.namespace)
        return cls(settings, open_store(settings), exchange, Queue(settings))

    def close(self) -> None:
        """Give every connection back."""
        self.queue.close()
        self.exchange.redis.close()


def learner_of(record: RunRecord, task: Task) -> Learner:
    """Return the learner of a run, for tasks of the shape of ``task``."""
    spec = record.spec
    numerics = spec.numerics
    shape = TaskShape(
        n_way=task.n_way,
        input_shape=record.input_shape,
        train_classes=record.train_classes,
        regression=DATA[spec.data.name].regression,
        engine=numerics.settled_engine,
        bfloat16=numerics.bfloat16,
        scores=spec.scores,
    )
    return build_learner(spec.learner, shape)


def initial_phi(record: RunRecord) -> Tensors:
    """Return φ₀, named by the spec's seed alone."""
    spec = record.spec
    drawn = learner_of(record, spec.task).init_phi(torch_generator(spec.seed, "phi"))
    return {name: value.to(torch_type(spec.numerics.kept)) for name, value in drawn.items()}
