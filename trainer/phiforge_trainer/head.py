"""φ and the optimiser's state of the head, of which a trainer asks Redis only for what it does not hold itself."""

from collections.abc import Callable
from typing import NamedTuple, NoReturn, Self

from phiforge.base.errors import FormatError
from phiforge.base.metrics import DAMAGED
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import Tensors, decode, fingerprint
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.steps import Commit, OpenStep, State


class Place(NamedTuple):
    """Which head is meant, and the hashes of what belongs to it."""

    run: str
    version: int
    phi_hash: str
    optimizer_hash: str

    @classmethod
    def of(cls, run: str, at: State | OpenStep) -> Self:
        """Return the head that a state or an open step of ``run`` is at."""
        return cls(run, at.head, at.phi_hash, at.optimizer_hash)


class Held(NamedTuple):
    """Tensors and their fingerprint; None, which no tensors have, if there are none yet."""

    fingerprint: str | None
    tensors: Tensors


_NOTHING = Held(None, {})


class Head:
    """Whatever it holds is named by its hash, so that it cannot be out of date; nothing else is ever returned."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._phi = self._phi_on_device = self._optimizer = _NOTHING

    def phi(self, place: Place) -> Tensors:
        """Return φ in memory; raises NotReadyError if the head moved on meanwhile or is damaged in Redis."""
        if self._phi.fingerprint != place.phi_hash:
            self._phi = self._read(place, place.phi_hash, self._platform.exchange.phi)
        return self._phi.tensors

    def phi_on_device(self, place: Place) -> Tensors:
        """Return φ on this trainer's device; raises as ``phi``."""
        if self._phi_on_device.fingerprint != place.phi_hash:
            device = self._platform.settings.device
            on_device = {name: value.to(device) for name, value in self.phi(place).items()}
            self._phi_on_device = Held(place.phi_hash, on_device)
        return self._phi_on_device.tensors

    def optimizer(self, place: Place) -> Tensors:
        """Return the optimiser's state in memory; raises as ``phi``."""
        if self._optimizer.fingerprint != place.optimizer_hash:
            self._optimizer = self._read(place, place.optimizer_hash, self._platform.exchange.optimizer)
        return self._optimizer.tensors

    def keep(self, commit: Commit) -> None:
        """Hold what this trainer committed: the same bytes that others read."""
        self._phi = Held(commit.phi_hash, decode(commit.phi))
        self._optimizer = Held(commit.optimizer_hash, decode(commit.optimizer))

    def forget(self, run: str) -> NoReturn:
        """Drop a head that is damaged in Redis: ``reconcile`` restores it from the newest checkpoint."""
        DAMAGED.inc()
        self._platform.exchange.forget(run)
        raise NotReadyError(Outcome.DAMAGED)

    def _read(self, place: Place, noted_hash: str, read: Callable[[str, int], bytes | None]) -> Held:
        data = read(place.run, place.version)
        if data is None and self._moved_on(place):
            raise NotReadyError(Outcome.STALE)
        tensors = _intact(data, noted_hash)
        if tensors is None:
            self.forget(place.run)
        return Held(noted_hash, tensors)

    def _moved_on(self, place: Place) -> bool:
        state = self._platform.exchange.state(place.run)
        return state is None or state.head != place.version


def _intact(data: bytes | None, noted_hash: str) -> Tensors | None:
    """Return the tensors of safetensors bytes, or None if they are not those of ``noted_hash``."""
    try:
        tensors = decode(data or b"")
    except FormatError:
        return None
    return tensors if fingerprint(tensors) == noted_hash else None
