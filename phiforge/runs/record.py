"""The record of every run in object storage: which key holds what, and how it is written.

Nothing here needs tensors, nor what a spec means unless ``run`` is asked: who only looks at runs starts at once.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from phiforge.base.errors import FormatError, MissingObjectError, RunError
from phiforge.runs.commit_log import Entry
from phiforge.runs.keys import key_of, sidecar_key, submitted_key, tensors_key, training_episodes_key, version_of
from phiforge.runs.sealed import DIGEST, parse, seal, unseal, whole
from phiforge.runs.store import Store
from phiforge.runs.submitted import RunRecord, Submitted, read_run, read_submitted, to_json

Extras = Mapping[str, Any]
"""What a run's consistency keeps of a checkpoint beside φ: JSON values by name, which lie in its sidecar."""

_SIDECAR: Mapping[str, type] = {"version": int, "phi_hash": str, "tasks": int, "sha256": str}
"""What every sidecar must say, and of which type."""

_SCORED: Mapping[str, type | tuple[type, ...]] = {"loss": (int, float), "accuracy": (int, float)}
"""What all scores must say, and of which type."""


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
        key = submitted_key(record.run)
        if not self.store.put_if_absent(key, seal(key, to_json(record))):
            raise RunError(f"run {record.run!r} exists already")

    def submitted(self, run: str) -> Submitted:
        """Read what was submitted as ``run``, without reading its spec.

        Raises RunError if there is no such run, FormatError if it is damaged, and IncapableWorkerError if a newer
        version of this code recorded it.
        """
        try:
            key = submitted_key(run)
            fields = parse(key, self.store.get(key))
            submitted = read_submitted(run, fields)
            whole(key, fields)  # after that: what a newer version recorded is left to it
            return submitted
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

    def is_submitted(self, run: str) -> bool:
        """Say whether there is such a run."""
        return self.store.exists(submitted_key(run))

    def activate(self, run: str) -> None:
        """Mark ``run`` as one that services should move, whether it is or not."""
        self.store.put(_active_key(run), b"")

    def admit(self, run: str, entry: str) -> bool:
        """Mark ``run``, which had the entry of that name in the queue, as one that services should move.

        True of all who do if this call was the first.
        """
        return self.store.put_if_absent(_active_key(run), entry.encode())

    def deactivate(self, run: str) -> None:
        """Mark ``run`` as one that services should not move now."""
        self.store.delete(_active_key(run))

    def is_active(self, run: str) -> bool:
        """Say whether services should move ``run``."""
        return self.store.exists(_active_key(run))

    def entry_of(self, run: str) -> str:
        """Return the name of the entry that ``run``, now active, had in the queue; empty if none is noted."""
        try:
            return self.store.get(_active_key(run)).decode(errors="replace")
        except MissingObjectError:
            return ""

    def retire(self, run: str) -> None:
        """Mark ``run`` as one that needs nothing more, once its episodes are deleted."""
        self.store.put(f"ended/{run}", b"")
        self.deactivate(run)

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
        """Return how ``run`` ended, or that it is running: as long as its report is not there, or damaged."""
        ended = (status for status in _MARKS if self._has_ended(run, status))
        return next(ended, RunStatus.RUNNING)

    def _has_ended(self, run: str, status: RunStatus) -> bool:
        if status is RunStatus.COMPLETE:
            return self._readable(lambda: self.report(run))
        return self.store.exists(key_of(run, _MARKS[status]))

    @staticmethod
    def _readable(read: Callable[[], object]) -> bool:
        """Say whether ``read`` finds an object, and that undamaged."""
        try:
            read()
        except (FormatError, MissingObjectError):
            return False
        return True

    def end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; then retire it."""
        self.note_end(run, status, reason)
        self.retire(run)

    def note_end(self, run: str, status: RunStatus, reason: str) -> None:
        """Write down that ``run`` was cancelled or failed, and why; the next reconcile retires it."""
        self._write(key_of(run, _MARKS[status]), {"reason": reason})

    def reopen(self, run: str) -> None:
        """Undo ``end``: the run may go on from its newest checkpoint, once somebody lets services move it."""
        self.settle(run)
        for status in (RunStatus.CANCELLED, RunStatus.FAILED):
            self.store.delete(key_of(run, _MARKS[status]))

    def end_reason(self, run: str, status: RunStatus) -> str:
        """Return why ``run`` was cancelled or failed; of a damaged mark, that it is damaged."""
        key = key_of(run, _MARKS[status])
        try:
            return str(self._read(key)["reason"])
        except (FormatError, KeyError) as error:
            return f"nobody can say any more, for {key} is damaged: {error}"

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

    def _write(self, key: str, fields: Mapping[str, Any]) -> None:
        self.store.put(key, seal(key, fields))

    def _read(self, key: str) -> dict[str, Any]:
        """Return what was written under ``key``; raises FormatError if that is something else by now."""
        return unseal(key, self.store.get(key))

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
        """Return a segment's entries, of which the last is of the version of its name.

        What they say, and whether one lacks, is for ``verify`` to check, which computes them again.
        """
        entries = [self._entry(key, line) for line in self.store.get(key).splitlines()]
        last = entries[-1]["version"] if entries else None
        if last != version_of(key):
            raise FormatError(f"the commit log's segment {key} is damaged: its last version is {last}")
        return entries

    @staticmethod
    def _entry(key: str, line: bytes) -> Entry:
        try:
            entry = dict(json.loads(line))
            if not isinstance(entry["version"], int):
                raise TypeError(f"version {entry['version']!r}")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FormatError(f"the commit log's segment {key} is damaged: {error!r}") from error
        return entry

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
        self._write(_scores_key(run, split, version), scores)

    def scored(self, run: str, split: str) -> list[int]:
        """Return the versions that have scores on ``split``, in order; these may be damaged."""
        return [version_of(key) for key in self.store.list(key_of(run, "scores", f"{split}/"))]

    def has_scores(self, run: str, split: str, version: int) -> bool:
        """Say whether one version has scores on one split that can be read."""
        return self._readable(lambda: self.scores(run, split, version))

    def scores(self, run: str, split: str, version: int) -> dict[str, Any]:
        """Read the scores of one version on one split; raises FormatError if they are damaged."""
        key = _scores_key(run, split, version)
        scores = self._read(key)
        wrong = [name for name, kind in _SCORED.items() if not isinstance(scores.get(name), kind)]
        if wrong or scores.get("version", version) != version:
            raise FormatError(f"{key} is damaged: wrong or missing: {', '.join(wrong) or 'version'}")
        return scores

    def save_report(self, run: str, report: Mapping[str, Any]) -> None:
        """Write the final report, which completes the run."""
        self._write(key_of(run, "report.json"), report)
        self.retire(run)

    def report(self, run: str) -> dict[str, Any]:
        """Read the final report; raises FormatError if it is damaged, MissingObjectError if there is none."""
        key = key_of(run, "report.json")
        report = self._read(key)
        if report.get("run") != run:
            raise FormatError(f"{key} is damaged: it is of run {report.get('run')!r}")
        return report

    def damaged_report(self, run: str) -> str | None:
        """Return what is wrong with the report of ``run``, if there is one and it is damaged."""
        try:
            self.report(run)
        except FormatError as error:
            return str(error)
        except MissingObjectError:
            return None
        return None


def _active_key(run: str) -> str:
    return f"active/{run}"


def _scores_key(run: str, split: str, version: int) -> str:
    return key_of(run, "scores", split, f"{version:08d}.json")


def extras_of(sidecar: Mapping[str, Any]) -> Extras:
    """Return what a sidecar lists beside what every one does."""
    return {name: value for name, value in sidecar.items() if name not in {"run", DIGEST, *_SIDECAR}}
