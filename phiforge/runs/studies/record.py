"""The record of studies in object storage. Whatever is written once is never changed: who comes second changes nothing.

Nothing here knows torch: who only looks at studies starts at once.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError, MissingObjectError, StudyError
from phiforge.runs.sealed import seal, unseal
from phiforge.runs.store import Store
from phiforge.runs.studies.outcome import Decision, Proposal, Result, StudyStatus
from phiforge.spec.studies.study import StudySpec

SCHEMA = 2
"""The newest schema of studies that this code can read."""

T = TypeVar("T")

_MARKS = {
    StudyStatus.COMPLETE: "report.json",
    StudyStatus.FAILED: "failed.json",
    StudyStatus.CANCELLED: "cancelled.json",
}
"""Which file says that a study ended so: the first that is there counts."""


_MADE_AGAIN = ("generations", "trials", "rungs")
"""Folders of what follows from the rest, and from the runs of trials."""


class StudyRecord(NamedTuple):
    """What was submitted.

    Args:
        study: its id
        spec: as it was recorded
        spec_hash: SHA-256 of that
        created_at: seconds since 1970
        device: what trials leave to be settled is settled for it
        priority: of its trials in the queue
        facts: of every dataset that its trials may be on, by the hash of the dataset's configuration
    """

    study: str
    spec: Mapping[str, Any]
    spec_hash: str
    created_at: float
    device: str
    priority: int
    facts: Mapping[str, Any]

    def read_spec(self) -> StudySpec:
        """Return its spec, read; raises FormatError if it is none, MissingPartError if a part is not installed here."""
        try:
            return StudySpec.from_json(self.spec)
        except (TypeError, ValueError) as error:
            raise FormatError(f"what was submitted as study {self.study!r} cannot be read: {error}") from error


class Studies:
    """Reads and writes what must survive of studies."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unsealed = lru_cache(maxsize=4096)(self._read_sealed)
        """What is under a key that never changes."""

    def create(self, record: StudyRecord) -> None:
        """Write a new study down, for services to move; raises StudyError if its id is taken."""
        key, schema = _submitted_key(record.study), record.read_spec().schema_version
        if not self._store.put_if_absent(key, seal(key, record._asdict() | {"schema": schema})):
            raise StudyError(f"study {record.study!r} exists already")
        self.activate(record.study)

    def read(self, study: str) -> StudyRecord:
        """Return what was submitted as ``study``.

        Raises StudyError if there is none, FormatError if it is damaged, IncapableWorkerError if it is too new.
        """
        key = _submitted_key(study)
        try:
            fields = unseal(key, self._store.get(key))
        except MissingObjectError as error:
            raise StudyError(
                f"there is no study {study!r} in {self._store.url}; `phiforge study list` shows all"
            ) from error
        if (schema := fields.pop("schema", 1)) > SCHEMA:
            raise IncapableWorkerError(f"study {study!r} was recorded by a newer version: schema {schema}")
        record = _read(key, lambda: StudyRecord(**fields))
        if sha256_hex(canonical_json(dict(record.spec))) != record.spec_hash:
            raise FormatError(f"{key} is damaged: its spec has not the hash that it names")
        return record

    def all(self) -> list[str]:
        """Return the ids of all studies, in order of id."""
        keys = self._store.list("submitted-studies/")
        return [key.removeprefix("submitted-studies/").removesuffix(".json") for key in keys]

    def active(self) -> list[str]:
        """Return the ids of the studies that services should move."""
        return [key.removeprefix("active-studies/") for key in self._store.list("active-studies/")]

    def activate(self, study: str) -> None:
        """Mark ``study`` as one that services should move."""
        self._store.put(f"active-studies/{study}", b"")

    def deactivate(self, study: str) -> None:
        """Mark ``study`` as one that needs nothing more."""
        self._store.delete(f"active-studies/{study}")

    def status(self, study: str) -> StudyStatus:
        """Return how ``study`` ended, or that it is running."""
        ended = (status for status, name in _MARKS.items() if self._store.exists(_key(study, name)))
        return next(ended, StudyStatus.RUNNING)

    def end(self, study: str, status: StudyStatus, fields: Mapping[str, Any]) -> bool:
        """Write down that ``study`` ended, with its ``reason`` and what else is to be said; say whether it was new."""
        key = _key(study, _MARKS[status])
        return self._store.put_if_absent(key, seal(key, fields))

    def ending(self, study: str, status: StudyStatus) -> dict[str, Any]:
        """Return what was written when ``study`` ended so; raises FormatError if it is damaged."""
        key = _key(study, _MARKS[status])
        return unseal(key, self._store.get(key))

    def reopen(self, study: str) -> None:
        """Let a study go on that was cancelled or failed."""
        self.activate(study)
        for status in (StudyStatus.FAILED, StudyStatus.CANCELLED):
            self._store.delete(_key(study, _MARKS[status]))

    def names(self, study: str) -> list[str]:
        """Return the names of all that is there of ``study``, such as ``trials/00003.json``: one request."""
        prefix = _key(study, "")
        return [key.removeprefix(prefix) for key in self._store.list(prefix)]

    def mark(self, study: str, name: str) -> None:
        """Write an empty object, whose name says all."""
        self._store.put(_key(study, name), b"")

    def propose(self, study: str, generation: int, proposals: list[Proposal]) -> None:
        """Write a generation down, unless it is there: it stays as whoever was first has it."""
        fields = {"proposals": [proposal._asdict() for proposal in proposals]}
        self._once(study, generation_name(generation), fields)

    def generation(self, study: str, number: int) -> list[Proposal]:
        """Return what was proposed at once; raises FormatError if it is damaged."""
        fields, key = self._fields(study, generation_name(number))
        return _read(key, lambda: [Proposal.from_json(each) for each in fields["proposals"]])

    def save_result(self, study: str, result: Result) -> None:
        """Write down what came of a trial, unless it is there."""
        self._once(study, result_name(result.number), result.to_json())

    def result(self, study: str, number: int) -> Result:
        """Return what came of a trial; raises FormatError if it is damaged."""
        fields, key = self._fields(study, result_name(number))
        return _read(key, lambda: Result.from_json(fields))

    def decide(self, study: str, generation: int, rung: int, decision: Decision) -> None:
        """Write down who goes on from a rung, unless it is there."""
        self._once(study, decision_name(generation, rung), decision.to_json())

    def decision(self, study: str, generation: int, rung: int) -> Decision:
        """Return who goes on from a rung; raises FormatError if it is damaged."""
        fields, key = self._fields(study, decision_name(generation, rung))
        return _read(key, lambda: Decision.from_json(fields))

    def _once(self, study: str, name: str, fields: Mapping[str, Any]) -> None:
        key = _key(study, name)
        self._store.put_if_absent(key, seal(key, fields))

    def _fields(self, study: str, name: str) -> tuple[dict[str, Any], str]:
        key = _key(study, name)
        return self._unsealed(key), key

    def _read_sealed(self, key: str) -> dict[str, Any]:
        return unseal(key, self._store.get(key))

    def keep_copy(self, study: str, name: str) -> None:
        """Write once more what cannot be made again if it is damaged."""
        self._once(study, copy_name(name), self._fields(study, name)[0])

    def restore(self, study: str, name: str) -> bool:
        """Write what is lost or damaged again from its copy, and say whether there is a good one."""
        try:
            fields, _ = self._fields(study, copy_name(name))
        except (FormatError, MissingObjectError):
            return False
        key = _key(study, name)
        self._store.put(key, seal(key, fields))
        return True

    def is_damaged(self, study: str, name: str) -> bool:
        """Say whether what never changes of ``study`` is not what was written."""
        if name.partition("/")[0] not in _MADE_AGAIN:
            return False
        try:
            self._fields(study, name)
        except FormatError:
            return True
        return False

    def drop(self, study: str, name: str) -> None:
        """Delete what is damaged, so that it is made again."""
        self._store.delete(_key(study, name))


def generation_name(generation: int) -> str:
    """Return how a generation's proposals are called."""
    return f"generations/{generation:05d}.json"


def result_name(number: int) -> str:
    """Return how a trial's result is called."""
    return f"trials/{number:05d}.json"


def decision_name(generation: int, rung: int) -> str:
    """Return how the decision at a rung is called."""
    return f"rungs/{generation:05d}-{rung}.json"


def copy_name(name: str) -> str:
    """Return how the copy of what is called ``name`` is called."""
    return f"copies/{name}"


def _submitted_key(study: str) -> str:
    return f"submitted-studies/{study}.json"


def _key(study: str, name: str) -> str:
    return f"studies/{study}/{name}"


def _read(key: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{key} cannot be read: {error!r}") from error
