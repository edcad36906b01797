"""Whether a store keeps what it promises of ``put_if_absent``: tried one after the other, and side by side."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier
from uuid import uuid4

from phiforge.base.errors import StoreError
from phiforge.runs.store.base import Store

WRITERS = 8
"""That write side by side: enough to meet in a server that looks and writes in two steps."""


def broken_promise(store: Store) -> str:
    """Return how ``store`` breaks its promise that of all who write a key if absent one does; '' if it keeps it.

    A few keys are written under ``probe/`` and deleted again. Raises StoreError if the store cannot be written.
    """
    if not _refuses_a_second(store):
        return "it let a key be written twice that may only be written once"
    if not _lets_one_win(store):
        return f"of {WRITERS} that wrote a key at once not exactly one was told that it did"
    return ""


def _refuses_a_second(store: Store) -> bool:
    with _probe_key(store) as key:
        return [store.put_if_absent(key, b"first"), store.put_if_absent(key, b"second")] == [True, False]


def _lets_one_win(store: Store) -> bool:
    """Let threads write a key in the same moment: a store may look and write in two steps."""
    start = Barrier(WRITERS)

    def write(number: int) -> bool:
        start.wait(30)
        return store.put_if_absent(key, b"%d" % number)

    with _probe_key(store) as key, ThreadPoolExecutor(WRITERS) as pool:
        return sum(pool.map(write, range(WRITERS))) == 1


@contextmanager
def _probe_key(store: Store) -> Iterator[str]:
    key = f"probe/{uuid4().hex}"
    yield key
    with suppress(StoreError):
        store.delete(key)
