"""The versions of one model: the one that new tasks get, and those that earlier tasks go on with."""

import threading
from collections import OrderedDict

from phiforge.base.errors import MissingObjectError, RunError
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.prediction.support import Support
from phiforge.prediction.validation import Shape
from phiforge_server.refusals import RefusedError

_MOST = 4
"""Versions in memory: the one that is offered, and those that earlier tasks asked for last."""


class Versions:
    """Holds the model that is offered, and opens again whichever version a task was made with.

    Args:
        offered: what new tasks get.
        followed: where other versions come from; None of an exported folder, which holds one.
    """

    def __init__(self, offered: Model, followed: Followed | None = None) -> None:
        self.followed, self._offered = followed, offered
        self._held = OrderedDict({offered.learned.version: offered})
        self._shapes: OrderedDict[Shape, None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def offered(self) -> Model:
        """What new tasks get."""
        return self._offered

    def note(self, support: Support) -> None:
        """Remember the shape of a task, so that the next version is calibrated for its like before it is offered."""
        with self._lock:
            self._shapes[Shape(len(support.labels), support.shots, transductive=False)] = None
            while len(self._shapes) > _MOST:
                self._shapes.popitem(last=False)

    def offer(self, model: Model) -> None:
        """Let new tasks get another version; those of earlier tasks stay as they are."""
        for shape in list(self._shapes):
            model.calibration_of(shape)
        with self._lock:
            self._offered = model
            self._hold(model)

    def of(self, version: int) -> Model:
        """Return the model of a version; raises RefusedError if it cannot be had any more."""
        with self._lock:
            if version in self._held:
                self._held.move_to_end(version)
                return self._held[version]
        opened = self._opened(version)
        with self._lock:
            self._hold(opened)
        return opened

    def _opened(self, version: int) -> Model:
        if self.followed is None:
            raise self._gone(version)
        try:
            return self.followed.model(version)
        except (RunError, MissingObjectError) as error:
            raise self._gone(version) from error

    def _gone(self, version: int) -> RefusedError:
        here = self._offered.learned.version
        return RefusedError(
            410, f"the task is of version {version}, which is not here any more: make it again by {here}"
        )

    def _hold(self, model: Model) -> None:
        self._held[model.learned.version] = model
        self._held.move_to_end(model.learned.version)
        while len(self._held) > _MOST:
            self._held.popitem(last=False)
