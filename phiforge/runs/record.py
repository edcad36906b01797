"""The record of every run in object storage: which key holds what, and how it is written.

Nothing here needs tensors, nor what a spec means unless ``run`` is asked: who only looks at runs starts at once.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError, MissingObjectError, RunError
from phiforge.runs.commit_log import Entry
from phiforge.runs.store import Store
from phiforge.spec.run import RunSpec
from phiforge.spec.schema import SCHEMA

Extras = Mapping[str, Any]
"""What a run's consistency keeps of a checkpoint beside φ: JSON values by name, which lie in its sidecar."""

_SIDECAR: Mapping[str, type] = {"version": int, "phi_hash": str, "tasks": int, "sha256": str}
"""What every sidecar must say, and of which type."""


class RunStatus(StrEnum):
    """Whether a run goes on, or how it ended."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


_MARKS = {
    RunStatus.COMPLETE: "report.json",
    RunStatus.FAILED: "failed.json",
    RunStatus.CANCELLED: "cancelled.json",
}
"""Which file says that a run ended so: the first that is there counts."""


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


class Record:
    """Reads and writes what must survive: everything here outlives Redis and every process."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, record: RunRecord) -> None:
        """Write a new run down; raises RunError if its id is taken."""
        fields = record._asdict() | {
            "schema": record.spec.schema_version,
            "spec": record.spec.to_json(),
            "input_shape": list(record.input_shape),
            "parent": record.parent._asdict() if record.parent else None,
        }
        if not self.store.put_if_absent(_submitted(record.run), canonical_json(fields)):
            raise RunError(f"run {record.run!r} exists already")

    def submitted(self, run: str) -> Submitted:
        """Read what was submitted as ``run``, without reading its spec.

        Raises RunError if there is no such run, FormatError if it is damaged, and IncapableWorkerError if a newer
        version of this code recorded it.
        """
        try:
            fields = self._read_json(_submitted(run))
        except MissingObjectError as error:
            raise RunError(f"there is no run {run!r} in {self.store.url}") from error
        try:
            return _submitted_as(run, fields)
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(run, error) from error

    def run(self, run: str) -> RunRecord:
        """Read what was submitted as ``run``, its spec too; raises as ``submitted``.

        Raises IncapableWorkerError too if the spec names a part that is not installed here.
        """
        submitted = self.submitted(run)
        try:
            return RunRecord(**submitted._asdict() | {"spec": RunSpec.from_json(submitted.spec)})
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(run, error) from error

    def runs(self) -> list[str]:
        """Return the ids of all runs ever submitted, in order of id."""
        keys = self.store.list("submitted/")
        return [key.removeprefix("submitted/").removesuffix(".json") for key in keys]

    def activate(self, run: str) -> None:
        """Mark ``run`` as one that services should move."""
        self.store.put(f"active/{run}", b"")

    def retire(self, run: str) -> None:
        """Mark ``run`` as one that needs nothing more, once its episodes are deleted."""
        self.store.put(f"ended/{run}", b"")
        self.store.delete(f"active/{run}")

    def ended(self) -> list[str]:
        """Return the ids of the runs that are over and whose episodes are not deleted yet."""
        return [key.removeprefix("ended/") for key in self.store.list("ended/")]

    def settle(self, run: str) -> None:
        """Mark the episodes of ``run``, which is over, as dealt with."""
        self.store.delete(f"ended/{run}")

    def active(self) -> list[str]:
        """Return the ids of the runs that services should move."""
        return [key.removeprefix("active/") for key in self.store.list("active/")]

    def status(self, run: str) -> RunStatus:
        """Return how ``run`` ended, or that it is running."""
        ended = (status for status, name in _MARKS.items() if self.store.exists(_key(run, name)))
        return next(ended, RunStatus.RUNNING)

    def end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; then retire it."""
        self.note_end(run, status, reason)
        self.retire(run)

    def note_end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; the next reconcile retires it."""
        self.store.put(_key(run, _MARKS[status]), canonical_json({"reason": reason}))

    def reopen(self, run: str) -> None:
        """Undo ``end``: the run goes on from its newest checkpoint.

        Marked as active once more at the end: who saw the run over, a moment ago, may have retired it in between.
        """
        self.activate(run)
        self.settle(run)
        for status in (RunStatus.CANCELLED, RunStatus.FAILED):
            self.store.delete(_key(run, _MARKS[status]))
        self.activate(run)

    def end_reason(self, run: str, status: RunStatus) -> str:
        """Return why ``run`` was cancelled or failed."""
        return str(json.loads(self.store.get(_key(run, _MARKS[status])))["reason"])

    def has_checkpoint(self, run: str, version: int) -> bool:
        """Say whether ``version`` was written whole."""
        return self.store.exists(sidecar_key(run, version))

    def extras(self, run: str, version: int) -> Extras:
        """Return what a checkpoint lists beside φ; raises FormatError if it is damaged."""
        return extras_of(self.sidecar(run, version))

    def sidecar(self, run: str, version: int) -> dict[str, Any]:
        """Read what makes a checkpoint count; raises FormatError if it lacks something or is of another one."""
        sidecar = self._read_json(sidecar_key(run, version))
        wrong = [name for name, kind in _SIDECAR.items() if not isinstance(sidecar.get(name), kind)]
        if wrong:
            raise FormatError(
                f"the sidecar of checkpoint {version} of run {run!r} says {', '.join(sorted(sidecar)) or 'nothing'}; "
                f"missing or of the wrong type: {', '.join(wrong)}"
            )
        of = (sidecar.get("run", run), sidecar["version"])
        if of != (run, version):
            raise FormatError(f"checkpoint {version} of run {run!r} is that of version {of[1]} of run {of[0]!r}")
        return sidecar

    def _read_json(self, key: str) -> dict[str, Any]:
        """Return the object under ``key``; raises FormatError if it is no JSON, or no object."""
        try:
            value = json.loads(self.store.get(key))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{key} is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise FormatError(f"{key} holds {type(value).__name__}, expected an object")
        return value

    def delete_checkpoint(self, run: str, version: int) -> None:
        """Drop a checkpoint, sidecar first."""
        self.store.delete(sidecar_key(run, version))
        self.store.delete(tensors_key(run, version))

    def checkpoints(self, run: str) -> list[int]:
        """Return the versions that have a whole checkpoint, in order."""
        keys = self.store.list(_key(run, "checkpoints/"))
        return [_version_of(key) for key in keys if key.endswith(".json")]

    def append_log(self, run: str, version: int, entries: Sequence[bytes]) -> None:
        """Write the commit log's segment that ends at ``version``, one JSON line a version."""
        self.store.put(_key(run, "log", f"{version:08d}.jsonl"), b"".join(entry + b"\n" for entry in entries))

    def log(self, run: str, after: int = 0, upto: float = math.inf) -> Iterator[Entry]:
        """Yield the commit log's entries of the versions above ``after`` up to ``upto``, in order.

        Raises FormatError where a segment is not what was written.
        """
        for key in self.store.list(_key(run, "log/")):
            if _version_of(key) <= after:
                continue
            for entry in self._segment(key):
                if entry["version"] > upto:
                    return
                if entry["version"] > after:
                    yield entry

    def _segment(self, key: str) -> list[Entry]:
        try:
            return [dict(json.loads(line)) for line in self.store.get(key).splitlines()]
        except (ValueError, TypeError) as error:
            raise FormatError(f"the commit log's segment {key} is damaged: {error}") from error

    def log_entry(self, run: str, version: int) -> Entry:
        """Return the log's entry of ``version``; raises RunError, with what there is, if it is not written yet."""
        for entry in self.log(run, version - 1, version):
            return entry
        raise RunError(
            f"the commit log of run {run!r} has no version {version} (entries are written with the next checkpoint); "
            f"allowed: {self.submitted(run).first_version + 1} to {self.checkpoints(run)[-1]}"
        )

    def training_episodes(self, run: str) -> Iterator[tuple[int, str]]:
        """Yield the version and the key of all training episodes that are there."""
        for key in self.store.list(_key(run, "episodes/")):
            yield int(key.split("/")[-2]), key

    def missing_episodes(self, run: str, version: int, jobs: Iterable[int]) -> list[int]:
        """Return those of ``jobs`` whose training episodes of ``version`` are not there: one request, however many."""
        there = set(self.store.list(_key(run, "episodes", f"{version:08d}/")))
        return [job for job in jobs if training_episodes_key(run, version, job) not in there]

    def save_scores(self, run: str, split: str, version: int, scores: Mapping[str, Any]) -> None:
        """Write the scores of one version on one split."""
        self.store.put(_key(run, "scores", split, f"{version:08d}.json"), canonical_json(dict(scores)))

    def scored(self, run: str, split: str) -> list[int]:
        """Return the versions that have scores on ``split``, in order."""
        return [_version_of(key) for key in self.store.list(_key(run, "scores", f"{split}/"))]

    def scores(self, run: str, split: str, version: int) -> dict[str, Any]:
        """Read the scores of one version on one split."""
        return dict(json.loads(self.store.get(_key(run, "scores", split, f"{version:08d}.json"))))

    def save_report(self, run: str, report: Mapping[str, Any]) -> None:
        """Write the final report, which completes the run."""
        self.store.put(_key(run, "report.json"), canonical_json(dict(report)))
        self.retire(run)

    def report(self, run: str) -> dict[str, Any]:
        """Read the final report."""
        return dict(json.loads(self.store.get(_key(run, "report.json"))))


def _submitted_as(run: str, fields: Mapping[str, Any]) -> Submitted:
    """Return what the JSON that was recorded of ``run`` says; raises as ``submitted``, or what Python does."""
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
    )


def _checked_hash(run: str, fields: Mapping[str, Any]) -> str:
    found = hash_of(fields["spec"])
    if (recorded := fields.get("spec_hash", found)) != found:
        raise FormatError(f"what was submitted as {run!r} is damaged: the hash of its spec is {found}, not {recorded}")
    return found


def _unreadable(run: str, error: Exception) -> FormatError:
    return FormatError(f"what was submitted as {run!r} cannot be read: {error!r}")


def extras_of(sidecar: Mapping[str, Any]) -> Extras:
    """Return what a sidecar lists beside what every one does."""
    return {name: value for name, value in sidecar.items() if name not in {"run", *_SIDECAR}}


def sidecar_key(run: str, version: int) -> str:
    """Return where a checkpoint's sidecar is, which makes it count."""
    return _key(run, "checkpoints", f"{version:08d}.json")


def tensors_key(run: str, version: int) -> str:
    """Return where a checkpoint's tensors are."""
    return _key(run, "checkpoints", f"{version:08d}.safetensors")


def training_episodes_key(run: str, version: int, job: int) -> str:
    """Return where the episodes of one job are."""
    return _key(run, "episodes", f"{version:08d}", f"{job:04d}")


def evaluation_episodes_key(record: RunRecord, split: str, chunk: int) -> str:
    """Return where a chunk of the fixed episodes of ``split`` is: shared by all runs that are judged alike."""
    evaluation = record.spec.evaluation
    judged_by = {
        "dataset": record.dataset,
        "task": record.spec.evaluation_task.model_dump(mode="json"),
        "seed": evaluation.seed,
        "chunk_size": evaluation.chunk_size,
    }
    return f"evaluation/{sha256_hex(canonical_json(judged_by))[:32]}/{split}/{chunk:04d}"


def _submitted(run: str) -> str:
    """Beside the runs, not inside them, so that listing all runs does not list all their episodes."""
    return f"submitted/{run}.json"


def _version_of(key: str) -> int:
    return int(key.split("/")[-1].partition(".")[0])


def _key(run: str, *parts: str) -> str:
    return "/".join(("runs", run, *parts))
