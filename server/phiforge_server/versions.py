"""The versions of one model: the one that new tasks get, and those that earlier tasks go on with."""

import logging
import threading
from collections import OrderedDict

from phiforge.base.errors import MissingObjectError, PhiforgeError, RunError
from phiforge.prediction.following import Followed
from phiforge.prediction.model import Model
from phiforge.prediction.support import Support
from phiforge.prediction.validation import Shape
from phiforge_server.refusals import RefusedError

log = logging.getLogger(__name__)

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
        shape = Shape(len(support.labels), support.shots, transductive=False)
        with self._lock:
            self._shapes[shape] = None
            self._shapes.move_to_end(shape)
            while len(self._shapes) > _MOST:
                self._shapes.popitem(last=False)

    def offer(self, model: Model) -> None:
        """Let new tasks get another version; those of earlier tasks stay as they are."""
        with self._lock:
            shapes = list(self._shapes)
        for shape in shapes:
            _calibrate_ahead(model, shape)
        with self._lock:
            self._offered = model
            self._hold(model)

    def of(self, version: int) -> Model:
        """Return the model of a version; raises RefusedError if it cannot be had any more."""
        with self._lock:
            if version == self._offered.learned.version:
                return self._offered
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


def _calibrate_ahead(model: Model, shape: Shape) -> None:
    """Learn a calibration before it is asked for; what stands in its way is told and no more, as it only saves time."""
    try:
        model.calibration_of(shape)
    except PhiforgeError as error:
        log.warning("version %d is not calibrated ahead for %s: %s", model.learned.version, shape, error)
