"""Clocks that jump: libfaketime between a program and the system's clock, steered by a file for each program."""

import os
from collections.abc import Mapping
from pathlib import Path

_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)

_RELATIVE_SLEEP = """import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""Read by Python before the program: libfaketime 0.9.10 refuses every sleep until a moment of the true monotonic clock,
which is how Python sleeps. No jump of a clock does that."""


class Clocks:
    """The wall clocks of programs by name; only those that were started with its ``environment`` follow."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(_RELATIVE_SLEEP)

    def environment(self, name: str) -> Mapping[str, str]:
        """Return what lets a program that is called ``name`` live by its clock here; its monotonic clock stays true."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(name)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self._folder.resolve()), os.environ.get("PYTHONPATH")])),
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
