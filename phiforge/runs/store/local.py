"""Object storage in a local folder: what the embedded stack uses, safe for many processes of one machine."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

from phiforge.base.errors import MissingObjectError, StoreError
from phiforge.runs.store.keys import check_key, check_prefix, is_name

_TEMPORARY = "~writing"
"""Holds values until they are whole; no key can name it, for ``~`` is in no key."""

_ABANDONED_SECONDS = 3600.0

_TRIES, _AT_ONCE = 1000, 10
"""How often a value is moved into a folder that others keep deleting; after the first few, a millisecond apart."""

_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalStore:
    """A folder in which the key ``a/b`` is the file ``a/b``; a key cannot also be a folder of another key.

    A value is written aside and then renamed or linked into place, which no other process can see half done and
    which a killed process cannot undo. It is not flushed to the disk each time: that would cost milliseconds a
    value and only guards against a power cut, whose damage the hashes of checkpoints and episodes bring to light.
    """

    def __init__(self, root: Path, make: bool = True) -> None:
        """Use the folder ``root``; ``make`` it now, or else with the first value."""
        self._root = root.resolve()
        self._aside = self._root / _TEMPORARY
        with self._reporting("open", ""):
            if make:
                self._aside.mkdir(parents=True, exist_ok=True)
                self._sweep()
            elif self._root.exists() and not self._root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    @property
    def url(self) -> str:
        """Where the folder is."""
        return f"file://{self._root}"

    def put(self, key: str, value: bytes) -> None:
        """Write ``value`` under ``key``; raises StoreError for a bad key or a folder that cannot be written."""
        with self._reporting("write", key), self._written_aside(value) as temporary:
            self._into_place(temporary.replace, key)

    def put_if_absent(self, key: str, value: bytes) -> bool:
        """Write ``value`` unless ``key`` exists: of all writers on this machine one sees True."""
        with self._reporting("write", key), self._written_aside(value) as temporary:
            try:
                self._into_place(partial(os.link, temporary), key)
            except FileExistsError:
                if self._path(key).is_dir():
                    raise
                return False
            return True

    def get(self, key: str) -> bytes:
        """Return the value of ``key``; raises MissingObjectError if there is none."""
        with self._reporting("read", key):
            try:
                return self._path(key).read_bytes()
            except _NOT_THERE as error:
                raise MissingObjectError(f"there is no object {key!r} in {self.url}") from error

    def exists(self, key: str) -> bool:
        """Say whether ``key`` has a value."""
        with self._reporting("look for", key):
            return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with ``prefix`` in order; one folder at a time, so that a long list can be cut."""
        check_prefix(prefix)
        folder, slash, _ = prefix.rpartition("/")
        return self._walk(folder + slash, prefix)

    def delete(self, key: str) -> None:
        """Remove ``key`` and the folders that it leaves empty; no error if it is not there."""
        with self._reporting("delete", key), suppress(*_NOT_THERE):
            path = self._path(key)
            path.unlink()
            for folder in path.parents[: key.count("/")]:
                try:
                    folder.rmdir()
                except OSError:  # not empty
                    break

    def _walk(self, folder: str, prefix: str) -> Iterator[str]:
        for name in self._names(folder):
            if not (folder + name).startswith(prefix):
                continue
            if name.endswith("/"):
                yield from self._walk(folder + name, prefix)
            else:
                yield folder + name

    def _names(self, folder: str) -> Sequence[str]:
        """Return the names in ``folder``, with the slash that makes the order of names the order of whole keys."""
        with self._reporting("list", folder), suppress(*_NOT_THERE), os.scandir(self._root / folder) as entries:
            return sorted(entry.name + "/" * entry.is_dir() for entry in entries if is_name(entry.name))
        return ()

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _into_place(self, move: Callable[[Path], object], key: str) -> None:
        """Let ``move`` make the file of ``key``; again if its folder, then empty, was deleted under it."""
        path = self._path(key)
        for number in range(_TRIES):
            with suppress(FileNotFoundError):
                self._make_folder(path.parent)
                move(path)
                return
            if number >= _AT_ONCE:
                time.sleep(0.001)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # not to be taken for the key's own value
            kind, number = (
                (NotADirectoryError, errno.ENOTDIR) if folder.is_file() else (FileNotFoundError, errno.ENOENT)
            )
            raise kind(number, os.strerror(number)) from error

    @contextmanager
    def _written_aside(self, value: bytes) -> Iterator[Path]:
        temporary = self._aside / uuid4().hex
        try:
            self._write(temporary, value)
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, temporary: Path, value: bytes) -> None:
        try:
            temporary.write_bytes(value)
        except FileNotFoundError:  # a store that was opened without being made, or was deleted since
            self._aside.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(value)

    def _sweep(self) -> None:
        """Remove what killed writers left, but nothing that a living one may still be writing."""
        for temporary in self._aside.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - temporary.stat().st_mtime > _ABANDONED_SECONDS:
                    temporary.unlink()

    @contextmanager
    def _reporting(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{key!r} in {self.url}" if key else self.url
            raise StoreError(
                f"cannot {verb} {what}: {error.strerror or error}; check the folder's rights and free space, and that "
                "no key is also a folder of another"
            ) from error
