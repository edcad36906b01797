"""What every service stands on: settings, record, exchange and queue, opened once a process."""

from functools import lru_cache
from typing import Self

from phiforge.exchange import Exchange, connect
from phiforge.learners import Learner, TaskShape, build_learner
from phiforge.queue import Queue
from phiforge.record import Record, RunRecord
from phiforge.settings import Settings
from phiforge.spec.task import Task
from phiforge.store import Store, open_store


class Platform:
    """One process's connections."""

    def __init__(self, settings: Settings, store: Store, exchange: Exchange, queue: Queue) -> None:
        self.settings = settings
        self.store = store
        self.record = Record(store)
        self.exchange = exchange
        self.queue = queue
        self.run = lru_cache(maxsize=64)(self.record.run)
        """A run's record, which never changes."""

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect to what ``settings`` name; raises StoreError if the object storage cannot be used."""
        exchange = Exchange(connect(settings.broker_url), settings.namespace)
        return cls(settings, open_store(settings), exchange, Queue(settings))

    def close(self) -> None:
        """Give every connection back."""
        self.queue.close()
        self.exchange.redis.close()


def learner_of(record: RunRecord, task: Task) -> Learner:
    """Return the learner of a run, for tasks of the shape of ``task``."""
    spec = record.spec
    engine = spec.numerics.settled_engine
    shape = TaskShape(task.n_way, record.input_shape, record.train_classes, spec.data.regression, engine)
    return build_learner(spec.learner, shape)
