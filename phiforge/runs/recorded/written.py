"""How JSON of the record is written and read back: sealed, so that damage is found."""

from collections.abc import Callable, Mapping
from typing import Any

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store


class Written:
    """A part of the record, in ``store``."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def _write(self, key: str, fields: Mapping[str, Any]) -> None:
        self.store.put(key, seal(key, fields))

    def _read(self, key: str) -> dict[str, Any]:
        """Return what was written under ``key``; raises FormatError if that is something else by now."""
        return unseal(key, self.store.get(key))

    @staticmethod
    def _readable(read: Callable[[], object]) -> bool:
        """Say whether ``read`` finds an object, and that undamaged."""
        try:
            read()
        except (FormatError, MissingObjectError):
            return False
        return True
