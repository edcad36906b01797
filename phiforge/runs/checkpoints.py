"""Checkpoints in object storage: φ and the outer optimiser's state at a version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.base.fault_points import reach
from phiforge.learning.tensors import Tensors, decode, encode, fingerprint, with_prefix, without_prefix
from phiforge.runs.keys import tensors_key
from phiforge.runs.record import Extras, Record, extras_of
from phiforge.runs.steps import Restored


@dataclass(frozen=True)
class Checkpoint:
    """φ and the outer optimiser's state at a version, with the tasks seen so far."""

    version: int
    phi: Tensors
    optimizer: Tensors
    phi_hash: str
    tasks: int
    extras: Extras = field(default_factory=dict)
    """What the run's consistency keeps beside φ."""

    def encoded(self) -> Restored:
        """Return it as it goes to Redis."""
        return Restored(
            version=self.version,
            phi=encode(self.phi),
            optimizer=encode(self.optimizer),
            phi_hash=self.phi_hash,
            optimizer_hash=fingerprint(self.optimizer),
            tasks=self.tasks,
        )


class Checkpoints:
    """Reads and writes the checkpoints of all runs; which there are is for ``Record`` to say."""

    def __init__(self, record: Record) -> None:
        self._record, self._store = record, record.store

    def save(self, run: str, checkpoint: Checkpoint) -> None:
        """Write φ and the optimiser's state, then the sidecar that makes them count."""
        tensors = encode(with_prefix("phi", checkpoint.phi) | with_prefix("optimizer", checkpoint.optimizer))
        self._store.put(tensors_key(run, checkpoint.version), tensors)
        reach("checkpoint.tensors")
        self._record.save_sidecar(run, checkpoint.version, _sidecar(run, checkpoint, tensors))

    def load(self, run: str, version: int) -> Checkpoint:
        """Read a checkpoint back; raises FormatError if a bit of it changed, or it is another's."""
        sidecar, of = self._record.sidecar(run, version), f"checkpoint {version} of run {run!r}"
        tensors = self._tensors(run, version, sidecar["sha256"])
        phi, optimizer = without_prefix("phi", tensors), without_prefix("optimizer", tensors)
        if fingerprint(phi) != sidecar["phi_hash"]:
            raise FormatError(f"{of}: φ is not the one its sidecar names")
        return Checkpoint(version, phi, optimizer, sidecar["phi_hash"], sidecar["tasks"], extras_of(sidecar))

    def _tensors(self, run: str, version: int, sha256: str) -> Tensors:
        of = f"checkpoint {version} of run {run!r}"
        try:
            data = self._store.get(tensors_key(run, version))
        except MissingObjectError as error:
            raise FormatError(f"{of} has a sidecar and no tensors") from error
        if sha256_hex(data) != sha256:
            raise FormatError(f"{of} is damaged: its SHA-256 is not {sha256}")
        return decode(data)


def _sidecar(run: str, checkpoint: Checkpoint, tensors: bytes) -> Mapping[str, Any]:
    plain = {
        "run": run,
        "version": checkpoint.version,
        "phi_hash": checkpoint.phi_hash,
        "tasks": checkpoint.tasks,
        "sha256": sha256_hex(tensors),
    }
    return plain | dict(checkpoint.extras)
