"""Clocks that jump: libfaketime between a program and the system's clock, steered by a file for each program."""

from collections.abc import Mapping
from pathlib import Path

_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


class Clocks:
    """The wall clocks of programs by name; only those that were started with its ``environment`` follow."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, name: str) -> Mapping[str, str]:
        """Return what lets a program that is called ``name`` live by its clock here; its monotonic clock stays true."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(name)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, name: str, offset_seconds: float) -> None:
        """Put the clock of ``name`` ahead of the true one by so much; it jumps within a second."""
        aside = self._file(name).with_suffix(".new")
        aside.write_text(f"{offset_seconds:+g}")
        aside.replace(self._file(name))

    def has(self, name: str) -> bool:
        """Say whether ``name`` has a clock here."""
        return self._file(name).exists()

    def _file(self, name: str) -> Path:
        return self._folder / name


def faketime_library() -> Path | None:
    """Return libfaketime (``apt-get install libfaketime``), or None if this machine has none."""
    return next((Path(each) for each in _LIBRARIES if Path(each).exists()), None)
