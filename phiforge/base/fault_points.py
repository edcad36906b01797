"""Fault points: named places where a process can be made to die or to stop, to prove that it may happen there.

Off unless ``PHIFORGE_FAULTS`` is set, and then only for whoever tests. Its grammar::

    trainer.computed=kill           the first time this process gets there, it ends itself by SIGKILL
    trainer.computed=kill@3         the third time
    trainer.computed=stop           SIGSTOP: it stands still until somebody sends SIGCONT
    trainer.reduced=kill,...        several, separated by commas
    @/path/to/file                  what the file says at that moment, so that running processes can be told; the
                                    process that acts first renames it to FILE.PID, and so none acts after it
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from phiforge.base.errors import ServiceError

VARIABLE = "PHIFORGE_FAULTS"

POINTS: Mapping[str, str] = {
    "trainer.computed": "a contribution is computed and not published",
    "trainer.published": "a contribution is published and nobody has counted",
    "trainer.reduced": "the next version is reduced and not committed",
    "trainer.committed": "a version is committed and nothing that follows from it is sent",
    "checkpoint.tensors": "a checkpoint's tensors are written and its sidecar is not",
    "sampler.wrote": "one job's episodes are written and those of the version's next job are not",
    "evaluator.scored": "a chunk is scored and its scores are not published",
}
"""What is true when a process gets there, of any run."""

OF_THE_QUEUE: Mapping[str, str] = {
    "admission.active": "a run is active and still in the queue",
    "admission.admitted": "a run is out of the queue and Redis does not know it",
}
"""What is true when a process gets there that admits a run."""

OF_STUDIES: Mapping[str, str] = {
    "study.proposed": "a generation of a study is proposed and none of its trials is a run",
    "study.created": "a trial's run is written down and not in the queue",
    "study.queued": "a trial's run is in the queue and its study does not know it",
    "study.judged": "a trial's result is written and nothing that follows from it is done",
}
"""What is true when a process gets there that moves a study."""

ALL_POINTS: Mapping[str, str] = {**POINTS, **OF_THE_QUEUE, **OF_STUDIES}

_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_ENTRY = re.compile(r"(?P<point>[a-z.]+)=(?P<action>[a-z]+)(@(?P<time>[1-9][0-9]*))?")


class Fault(NamedTuple):
    """What is to happen at a point, the ``time``-th time a process gets there."""

    action: str
    time: int


def parse(text: str) -> dict[str, Fault]:
    """Return what is to happen, by point; raises ServiceError, with what is allowed, if that is not understood."""
    faults = {}
    for entry in filter(None, text.strip().split(",")):
        found = _ENTRY.fullmatch(entry)
        if not found or found["point"] not in ALL_POINTS or found["action"] not in _ACTIONS:
            raise ServiceError(
                f"{VARIABLE} has {entry!r}; allowed is POINT=ACTION or POINT=ACTION@TIME, with a point of "
                f"{', '.join(ALL_POINTS)} and an action of {', '.join(_ACTIONS)}"
            )
        faults[found["point"]] = Fault(found["action"], int(found["time"] or 1))
    return faults


class FaultPoints:
    """What one process was told, and how often it got where."""

    def __init__(self, text: str) -> None:
        self._file = Path(text[1:]) if text.startswith("@") else None
        self._faults = {} if self._file else parse(text)
        self._reached: Counter[str] = Counter()

    def reach(self, point: str) -> None:
        """Do what is to happen at ``point`` now, if anything."""
        fault = self._told().get(point)
        if not fault:
            return
        self._reached[point] += 1
        if self._reached[point] == fault.time and self._is_first():
            os.kill(os.getpid(), _ACTIONS[fault.action])

    def _told(self) -> Mapping[str, Fault]:
        if self._file:
            try:
                return parse(self._file.read_text())
            except FileNotFoundError:
                self._reached.clear()
                return {}
        return self._faults

    def _is_first(self) -> bool:
        """Say whether no other process acts on the same file."""
        if self._file:
            with suppress(FileNotFoundError):
                self._file.rename(f"{self._file}.{os.getpid()}")
                return True
            return False
        return True


_points = FaultPoints(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def reach(point: str) -> None:
    """Note that this process got to ``point``; nothing happens unless ``PHIFORGE_FAULTS`` says so."""
    if _points is not None:
        _points.reach(point)
