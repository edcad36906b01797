"""Tasks in object storage: the support set of each, so that any replica serves it; φ stays where it is."""

import secrets
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.prediction.support import Support
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store
from phiforge_server.refusals import RefusedError

_PREFIX = "tasks/"
_LETTERS = frozenset("0123456789abcdef")
_ID_BYTES = 16


class Task(NamedTuple):
    """What is noted of a task; times are seconds since 1970."""

    task: str
    model: str
    version: int
    labels: tuple[str, ...]
    pictures: int
    created_at: float
    expires_at: float


class TaskStore:
    """Writes, reads and expires tasks.

    Args:
        store: object storage, shared by all replicas.
        most: how many tasks there may be.
        life_seconds: how long one lives.
    """

    def __init__(self, store: Store, most: int, life_seconds: float) -> None:
        self._store, self._most, self._life = store, most, life_seconds

    def create(self, model: str, version: int, support: Support) -> Task:
        """Keep a support set; raises RefusedError if there are too many tasks already."""
        if self._count() >= self._most and len(self.all()) >= self._most:
            raise RefusedError(429, f"there are {self._most} tasks, the most there may be: delete some, or wait")
        now = time.time()
        task = Task(secrets.token_hex(_ID_BYTES), model, version, support.labels, len(support.x), now, now + self._life)
        self._store.put(_tensors(task.task), save({"x": support.x.contiguous(), "y": support.y.contiguous()}))
        key = _note(task.task)
        self._store.put(key, seal(key, task._asdict()))
        return task

    def get(self, task: str) -> Task:
        """Return a task; raises RefusedError if there is none, or no more."""
        if not _is_id(task):
            raise RefusedError(404, "there is no such task: an id has 32 letters of 0-9 and a-f")
        try:
            found = self._read(task)
        except MissingObjectError as error:
            raise RefusedError(404, f"there is no task {task}: it was deleted, has expired, or never was") from error
        if found.expires_at <= time.time():
            self.delete(task)
            raise RefusedError(404, f"task {task} has expired: give its support set again")
        return found

    def support(self, task: Task) -> Support:
        """Return the support set of a task; raises FormatError if it is damaged."""
        try:
            found = load(self._store.get(_tensors(task.task)))
            return Support(found["x"], found["y"].to(torch.int64), task.labels, ())
        except (SafetensorError, KeyError) as error:
            raise FormatError(f"the support set of task {task.task} is damaged: {error}") from error

    def all(self) -> list[Task]:
        """Return all tasks that live, the oldest first; those that do not are deleted."""
        now, living = time.time(), []
        for task in self._there():
            if task.expires_at <= now:
                self.delete(task.task)
            else:
                living.append(task)
        return sorted(living, key=lambda task: task.created_at)

    def delete(self, task: str) -> None:
        """Remove a task, whether it is there or not."""
        self._store.delete(_note(task))
        self._store.delete(_tensors(task))

    def _count(self) -> int:
        """Return how many tasks there are, expired ones among them: names alone, which cost one request a thousand."""
        return sum(key.endswith(".json") for key in self._store.list(_PREFIX))

    def _there(self) -> Iterator[Task]:
        for key in list(self._store.list(_PREFIX)):
            name = key.removeprefix(_PREFIX).removesuffix(".json")
            if key.endswith(".json") and _is_id(name):
                try:
                    yield self._read(name)
                except (MissingObjectError, FormatError):  # deleted meanwhile, or of no use to anybody
                    continue

    def _read(self, task: str) -> Task:
        key = _note(task)
        found = unseal(key, self._store.get(key))
        return Task(**found | {"labels": tuple(found["labels"])})


def _is_id(task: str) -> bool:
    return len(task) == 2 * _ID_BYTES and set(task) <= _LETTERS


def _note(task: str) -> str:
    return f"{_PREFIX}{task}.json"


def _tensors(task: str) -> str:
    return f"{_PREFIX}{task}.safetensors"
