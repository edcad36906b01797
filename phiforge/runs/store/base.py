"""What object storage must do; one backend a file beside this one."""

from collections.abc import Iterator
from typing import Protocol


class Store(Protocol):
    """Keys are relative paths of ``[a-zA-Z0-9._=-]`` parts joined by ``/``; values are bytes.

    No part is empty or starts with a dot, and no key is also a folder of another. Every ``put`` is atomic: a reader
    sees the whole old value, the whole new one, or nothing. Every method raises StoreError for a key that is none and
    for a store that cannot be reached or written. Threads may share a store.
    """

    @property
    def url(self) -> str:
        """Where this store is, for messages; never holds a secret."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Write ``value`` under ``key``, replacing what is there."""
        ...

    def put_if_absent(self, key: str, value: bytes) -> bool:
        """Write ``value`` unless ``key`` exists; True if this call wrote it (atomic between writers)."""
        ...

    def get(self, key: str) -> bytes:
        """Return the value of ``key``; raises MissingObjectError if there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Say whether ``key`` has a value."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield, in lexicographic order, every key that starts with ``prefix`` (end it with ``/`` for a folder)."""
        ...

    def delete(self, key: str) -> None:
        """Remove ``key``; no error if it is not there."""
        ...
