"""The record of every run in object storage: which key holds what, and how it is written.

Nothing here needs tensors, nor what a spec means unless ``run`` is asked: who only looks at runs starts at once.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from phiforge.base.canonical import canonical_json
from phiforge.base.errors import FormatError, MissingObjectError, RunError
from phiforge.runs.commit_log import Entry
from phiforge.runs.keys import key_of, sidecar_key, submitted_key, tensors_key, training_episodes_key, version_of
from phiforge.runs.store import Store
from phiforge.runs.submitted import RunRecord, Submitted, read_run, read_submitted, to_json

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


class Record:
    """Reads and writes what must survive: everything here outlives Redis and every process."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, record: RunRecord) -> None:
        """Write a new run down; raises RunError if its id is taken."""
        if not self.store.put_if_absent(submitted_key(record.run), canonical_json(to_json(record))):
            raise RunError(f"run {record.run!r} exists already")

    def submitted(self, run: str) -> Submitted:
        """Read what was submitted as ``run``, without reading its spec.

        Raises RunError if there is no such run, FormatError if it is damaged, and IncapableWorkerError if a newer
        version of this code recorded it.
        """
        try:
            return read_submitted(run, self._read_json(submitted_key(run)))
        except MissingObjectError as error:
            raise RunError(f"there is no run {run!r} in {self.store.url}") from error

    def run(self, run: str) -> RunRecord:
        """Read what was submitted as ``run``, its spec too; raises as ``submitted``.

        Raises IncapableWorkerError too if the spec names a part that is not installed here.
        """
        return read_run(self.submitted(run))

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
        ended = (status for status, name in _MARKS.items() if self.store.exists(key_of(run, name)))
        return next(ended, RunStatus.RUNNING)

    def end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; then retire it."""
        self.note_end(run, status, reason)
        self.retire(run)

    def note_end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; the next reconcile retires it."""
        self.store.put(key_of(run, _MARKS[status]), canonical_json({"reason": reason}))

    def reopen(self, run: str) -> None:
        """Undo ``end``: the run goes on from its newest checkpoint.

        Marked as active once more at the end: who saw the run over, a moment ago, may have retired it in between.
        """
        self.activate(run)
        self.settle(run)
        for status in (RunStatus.CANCELLED, RunStatus.FAILED):
            self.store.delete(key_of(run, _MARKS[status]))
        self.activate(run)

    def end_reason(self, run: str, status: RunStatus) -> str:
        """Return why ``run`` was cancelled or failed; raises FormatError if what was written of it is damaged."""
        return str(self._read_json(key_of(run, _MARKS[status])).get("reason", "no reason is written down"))

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
        keys = self.store.list(key_of(run, "checkpoints/"))
        return [version_of(key) for key in keys if key.endswith(".json")]

    def append_log(self, run: str, version: int, entries: Sequence[bytes]) -> None:
        """Write the commit log's segment that ends at ``version``, one JSON line a version."""
        self.store.put(key_of(run, "log", f"{version:08d}.jsonl"), b"".join(entry + b"\n" for entry in entries))

    def log(self, run: str, after: int = 0, upto: float = math.inf) -> Iterator[Entry]:
        """Yield the commit log's entries of the versions above ``after`` up to ``upto``, in order.

        Raises FormatError where a segment is not what was written.
        """
        for key in self.store.list(key_of(run, "log/")):
            if version_of(key) <= after:
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
        for key in self.store.list(key_of(run, "episodes/")):
            yield int(key.split("/")[-2]), key

    def missing_episodes(self, run: str, version: int, jobs: Iterable[int]) -> list[int]:
        """Return those of ``jobs`` whose training episodes of ``version`` are not there: one request, however many."""
        there = set(self.store.list(key_of(run, "episodes", f"{version:08d}/")))
        return [job for job in jobs if training_episodes_key(run, version, job) not in there]

    def save_scores(self, run: str, split: str, version: int, scores: Mapping[str, Any]) -> None:
        """Write the scores of one version on one split."""
        self.store.put(key_of(run, "scores", split, f"{version:08d}.json"), canonical_json(dict(scores)))

    def scored(self, run: str, split: str) -> list[int]:
        """Return the versions that have scores on ``split``, in order."""
        return [version_of(key) for key in self.store.list(key_of(run, "scores", f"{split}/"))]

    def scores(self, run: str, split: str, version: int) -> dict[str, Any]:
        """Read the scores of one version on one split."""
        return dict(json.loads(self.store.get(key_of(run, "scores", split, f"{version:08d}.json"))))

    def save_report(self, run: str, report: Mapping[str, Any]) -> None:
        """Write the final report, which completes the run."""
        self.store.put(key_of(run, "report.json"), canonical_json(dict(report)))
        self.retire(run)

    def report(self, run: str) -> dict[str, Any]:
        """Read the final report; raises FormatError if it is damaged."""
        return self._read_json(key_of(run, "report.json"))


def extras_of(sidecar: Mapping[str, Any]) -> Extras:
    """Return what a sidecar lists beside what every one does."""
    return {name: value for name, value in sidecar.items() if name not in {"run", *_SIDECAR}}
