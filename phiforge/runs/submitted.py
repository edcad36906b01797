"""What was submitted: as it was recorded, and with its spec read.

Only ``read_run`` needs to know what a spec means, and so torch.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError
from phiforge.runs.waiting.wish import Wish
from phiforge.spec.run import RunSpec
from phiforge.spec.schema import SCHEMA


class Parent(NamedTuple):
    """Where a branch left another run: at which version, with which φ, after how many tasks."""

    run: str
    version: int
    phi_hash: str
    tasks: int


class RunRecord(NamedTuple):
    """What was submitted: the spec and the published dataset it is about; and, of a branch, where it starts."""

    run: str
    spec: RunSpec
    spec_hash: str
    """SHA-256 of the spec as it was recorded: fields that a later version adds do not change it."""
    dataset: str
    input_shape: tuple[int, ...]
    train_classes: int
    created_at: float
    parent: Parent | None = None
    tries_steps: bool = False
    """Whether the validation tasks choose the number of inner steps on unseen tasks: the spec that was given had none.

    It stands beside the spec, whose hash and meaning it leaves as earlier versions know them: φ does not depend on it.
    """
    wish: Wish = Wish()
    """How it was to be queued: beside the spec for the same reason."""

    @property
    def versions(self) -> int:
        """How many versions the run is to have."""
        return self.spec.outer.versions

    @property
    def tasks(self) -> int:
        """How many tasks one version is learned from."""
        return self.spec.outer.tasks

    @property
    def first_version(self) -> int:
        """The version the run starts from: 0, or that at which it left its parent."""
        return self.parent.version if self.parent else 0

    def tasks_at(self, version: int) -> int:
        """Return how many tasks φ of ``version`` was learned from, those of a branch's parent included."""
        before = self.parent.tasks if self.parent else 0
        return before + (version - self.first_version) * self.spec.outer.tasks


class Submitted(NamedTuple):
    """What was submitted, as it was recorded: checked for being whole, and its spec not read any further."""

    run: str
    spec: Mapping[str, Any]
    spec_hash: str
    dataset: str
    input_shape: tuple[int, ...]
    train_classes: int
    created_at: float
    parent: Parent | None
    tries_steps: bool = False
    wish: Wish = Wish()

    @property
    def first_version(self) -> int:
        """The version the run starts from: 0, or that at which it left its parent."""
        return self.parent.version if self.parent else 0

    @property
    def versions(self) -> int:
        """How many versions the run is to have."""
        return int(self.spec["outer"]["versions"])

    @property
    def tasks(self) -> int:
        """How many tasks one version is learned from."""
        outer = self.spec["outer"]
        return int(outer["meta_batch"]) * int(outer.get("local_steps", 1))


def hash_of(spec: Mapping[str, Any]) -> str:
    """Return the hash of a recorded spec: the SHA-256 of its canonical JSON."""
    return sha256_hex(canonical_json(dict(spec)))


def to_json(record: RunRecord) -> dict[str, Any]:
    """Return what is recorded of a new run."""
    return record._asdict() | {
        "schema": record.spec.schema_version,
        "spec": record.spec.to_json(),
        "input_shape": list(record.input_shape),
        "parent": record.parent._asdict() if record.parent else None,
        "wish": record.wish.to_json(),
    }


def read_submitted(run: str, fields: Mapping[str, Any]) -> Submitted:
    """Return what the JSON that was recorded of ``run`` says, without reading its spec.

    Raises FormatError if it is damaged, IncapableWorkerError if a newer version of this code recorded it.
    """
    try:
        return _submitted_as(run, fields)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(run, error) from error


def read_run(submitted: Submitted) -> RunRecord:
    """Return what was submitted with its spec read.

    Raises FormatError if that is none, IncapableWorkerError if it names a part that is not installed here.
    """
    try:
        return RunRecord(**submitted._asdict() | {"spec": RunSpec.from_json(submitted.spec)})
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(submitted.run, error) from error


def _submitted_as(run: str, fields: Mapping[str, Any]) -> Submitted:
    """Return what the JSON that was recorded of ``run`` says; raises as ``read_submitted``, or what Python does."""
    if (schema := int(fields.get("schema", 1))) > SCHEMA:
        raise IncapableWorkerError(
            f"run {run!r} was recorded by a newer version: schema {schema}, known are 1 to {SCHEMA}"
        )
    return Submitted(
        run=run,
        spec=dict(fields["spec"]),
        spec_hash=_checked_hash(run, fields),
        input_shape=tuple(int(side) for side in fields["input_shape"]),
        dataset=str(fields["dataset"]),
        train_classes=int(fields["train_classes"]),
        created_at=float(fields["created_at"]),
        parent=Parent(**fields["parent"]) if fields.get("parent") else None,
        tries_steps=bool(fields.get("tries_steps", False)),
        wish=Wish.from_json(fields.get("wish", {})),
    )


def _checked_hash(run: str, fields: Mapping[str, Any]) -> str:
    found = hash_of(fields["spec"])
    if (recorded := fields.get("spec_hash", found)) != found:
        raise FormatError(f"what was submitted as {run!r} is damaged: the hash of its spec is {found}, not {recorded}")
    return found


def _unreadable(run: str, error: Exception) -> FormatError:
    return FormatError(f"what was submitted as {run!r} cannot be read: {error!r}")
