"""The record of every run in object storage: which key holds what, and how it is written."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, MissingObjectError, RunError
from phiforge.base.fault_points import reach
from phiforge.learning.tensors import Tensors, decode, encode, fingerprint, with_prefix, without_prefix
from phiforge.runs.commit_log import Entry
from phiforge.runs.consistency import bounded_staleness as tickets
from phiforge.runs.consistency.bounded_staleness import Ticket
from phiforge.runs.store import Store
from phiforge.spec.run import RunSpec


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


@dataclass(frozen=True)
class Checkpoint:
    """φ and the outer optimiser's state at a version, with the tasks seen so far."""

    version: int
    phi: Tensors
    optimizer: Tensors
    phi_hash: str
    tasks: int
    tickets: tuple[Ticket, ...] | None = None
    """Which tickets are in no version yet, of a run that has tickets."""


class Record:
    """Reads and writes what must survive: everything here outlives Redis and every process."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, record: RunRecord) -> None:
        """Write a new run down; raises RunError if its id is taken."""
        fields = record._asdict() | {
            "spec": record.spec.model_dump(mode="json"),
            "spec_hash": record.spec.hash,
            "input_shape": list(record.input_shape),
            "parent": record.parent._asdict() if record.parent else None,
        }
        if not self.store.put_if_absent(_submitted(record.run), canonical_json(fields)):
            raise RunError(f"run {record.run!r} exists already")

    def run(self, run: str) -> RunRecord:
        """Read what was submitted as ``run``; raises RunError if there is no such run, FormatError if it is damaged."""
        try:
            fields = self._read_json(_submitted(run))
        except MissingObjectError as error:
            raise RunError(f"there is no run {run!r} in {self.store.url}") from error
        try:
            spec = RunSpec.model_validate(fields["spec"])
            shape = tuple(int(side) for side in fields["input_shape"])
            parent = Parent(**fields["parent"]) if fields.get("parent") else None
            return RunRecord(run, spec, fields["dataset"], shape, fields["train_classes"], fields["created_at"], parent)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"what was submitted as {run!r} cannot be read: {error!r}") from error

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

    def status(self, run: str) -> str:
        """Return ``complete``, ``failed``, ``cancelled`` or ``running``."""
        for status, name in (("complete", "report.json"), ("failed", "failed.json"), ("cancelled", "cancelled.json")):
            if self.store.exists(_key(run, name)):
                return status
        return "running"

    def end(self, run: str, status: str, reason: str) -> None:
        """Write down that ``run`` was ``cancelled`` or ``failed``, and why; then retire it."""
        self.note_end(run, status, reason)
        self.retire(run)

    def note_end(self, run: str, status: str, reason: str) -> None:
        """Write down that ``run`` was ``cancelled`` or ``failed``, and why; the next reconcile retires it."""
        self.store.put(_key(run, f"{status}.json"), canonical_json({"reason": reason}))

    def reopen(self, run: str) -> None:
        """Undo ``end``: the run goes on from its newest checkpoint.

        Marked as active once more at the end: who saw the run over, a moment ago, may have retired it in between.
        """
        self.activate(run)
        self.settle(run)
        for status in ("cancelled", "failed"):
            self.store.delete(_key(run, f"{status}.json"))
        self.activate(run)

    def end_reason(self, run: str, status: str) -> str:
        """Return why ``run`` was cancelled or failed."""
        return str(json.loads(self.store.get(_key(run, f"{status}.json")))["reason"])

    def save_checkpoint(self, run: str, checkpoint: Checkpoint) -> None:
        """Write φ and the optimiser's state, then the sidecar that makes them count."""
        tensors = encode(with_prefix("phi", checkpoint.phi) | with_prefix("optimizer", checkpoint.optimizer))
        sidecar = {
            "run": run,
            "version": checkpoint.version,
            "phi_hash": checkpoint.phi_hash,
            "tasks": checkpoint.tasks,
            "sha256": sha256_hex(tensors),
        }
        if checkpoint.tickets is not None:
            sidecar["tickets"] = tickets.to_json(checkpoint.tickets)
        self.store.put(_key(run, "checkpoints", f"{checkpoint.version:08d}.safetensors"), tensors)
        reach("checkpoint.tensors")
        self.store.put(_key(run, "checkpoints", f"{checkpoint.version:08d}.json"), canonical_json(sidecar))

    def has_checkpoint(self, run: str, version: int) -> bool:
        """Say whether ``version`` was written whole."""
        return self.store.exists(_key(run, "checkpoints", f"{version:08d}.json"))

    def checkpoint(self, run: str, version: int) -> Checkpoint:
        """Read a checkpoint back; raises FormatError if a bit of it changed, or it is another's."""
        sidecar = self._sidecar(run, version)
        try:
            data = self.store.get(_key(run, "checkpoints", f"{version:08d}.safetensors"))
        except MissingObjectError as error:
            raise FormatError(f"checkpoint {version} of run {run!r} has a sidecar and no tensors") from error
        if sha256_hex(data) != sidecar["sha256"]:
            raise FormatError(f"checkpoint {version} of run {run!r} is damaged: its SHA-256 is not {sidecar['sha256']}")
        tensors = decode(data)
        phi = without_prefix("phi", tensors)
        if fingerprint(phi) != sidecar["phi_hash"]:
            raise FormatError(f"checkpoint {version} of run {run!r}: φ is not the one its sidecar names")
        optimizer = without_prefix("optimizer", tensors)
        return Checkpoint(version, phi, optimizer, sidecar["phi_hash"], sidecar["tasks"], _tickets(sidecar))

    def tickets(self, run: str, version: int) -> tuple[Ticket, ...] | None:
        """Return which tickets a checkpoint lists; raises FormatError if it is damaged."""
        return _tickets(self._sidecar(run, version))

    def _sidecar(self, run: str, version: int) -> dict[str, Any]:
        """Read what makes a checkpoint count; raises FormatError if it lacks something or is of another one."""
        sidecar = self._read_json(_key(run, "checkpoints", f"{version:08d}.json"))
        kinds = {"version": int, "phi_hash": str, "tasks": int, "sha256": str}
        wrong = [name for name, kind in kinds.items() if not isinstance(sidecar.get(name), kind)]
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
        self.store.delete(_key(run, "checkpoints", f"{version:08d}.json"))
        self.store.delete(_key(run, "checkpoints", f"{version:08d}.safetensors"))

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
            f"allowed: {self.run(run).first_version + 1} to {self.checkpoints(run)[-1]}"
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


def _tickets(sidecar: Mapping[str, Any]) -> tuple[Ticket, ...] | None:
    return tickets.from_json(sidecar["tickets"]) if "tickets" in sidecar else None


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
