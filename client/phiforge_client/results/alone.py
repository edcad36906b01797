"""One process at a time in a folder of what was exported."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phiforge.base.errors import StoreError

_LOCK = ".phiforge.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Be the only one who writes into ``folder``, which is made; others wait meanwhile.

    Raises StoreError if the folder, or what is written in it meanwhile, cannot be written.

    Example::

        with alone_in(folder):
            (folder / "run.txt").write_text("one writer at a time")
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror or error}; --out names another folder"
        ) from error
