"""The sidecars of checkpoints: what makes a checkpoint count, and which there are."""

from collections.abc import Mapping
from typing import Any

from phiforge.base.errors import FormatError
from phiforge.runs.keys import key_of, sidecar_key, tensors_key, version_of
from phiforge.runs.recorded.written import Written
from phiforge.runs.sealed import DIGEST, parse, whole

Extras = Mapping[str, Any]
"""What a run's consistency keeps of a checkpoint beside φ: JSON values by name, which lie in its sidecar."""

_SIDECAR: Mapping[str, type] = {"version": int, "phi_hash": str, "tasks": int, "sha256": str}
"""What every sidecar must say, and of which type."""


class Sidecars(Written):
    """One JSON file beside the tensors of each checkpoint, written after them."""

    def has_checkpoint(self, run: str, version: int) -> bool:
        """Say whether ``version`` was written whole."""
        return self.store.exists(sidecar_key(run, version))

    def extras(self, run: str, version: int) -> Extras:
        """Return what a checkpoint lists beside φ; raises FormatError if it is damaged."""
        return extras_of(self.sidecar(run, version))

    def sidecar(self, run: str, version: int) -> dict[str, Any]:
        """Read what makes a checkpoint count; raises FormatError if it lacks something or is of another one."""
        key = sidecar_key(run, version)
        sidecar = parse(key, self.store.get(key))
        wrong = [name for name, kind in _SIDECAR.items() if not isinstance(sidecar.get(name), kind)]
        if wrong:
            raise FormatError(
                f"the sidecar of checkpoint {version} of run {run!r} says {', '.join(sorted(sidecar)) or 'nothing'}; "
                f"missing or of the wrong type: {', '.join(wrong)}"
            )
        of = (sidecar.get("run", run), sidecar["version"])
        if of != (run, version):
            raise FormatError(f"checkpoint {version} of run {run!r} is that of version {of[1]} of run {of[0]!r}")
        return whole(key, sidecar)

    def save_sidecar(self, run: str, version: int, fields: Mapping[str, Any]) -> None:
        """Write what makes a checkpoint count."""
        self._write(sidecar_key(run, version), fields)

    def delete_checkpoint(self, run: str, version: int) -> None:
        """Drop a checkpoint, sidecar first."""
        self.store.delete(sidecar_key(run, version))
        self.store.delete(tensors_key(run, version))

    def checkpoints(self, run: str) -> list[int]:
        """Return the versions that have a whole checkpoint, in order."""
        keys = self.store.list(key_of(run, "checkpoints/"))
        return [version_of(key) for key in keys if key.endswith(".json")]


def extras_of(sidecar: Mapping[str, Any]) -> Extras:
    """Return what a sidecar lists beside what every one does."""
    return {name: value for name, value in sidecar.items() if name not in {"run", DIGEST, *_SIDECAR}}
