"""The commit log's entries: what each version was made of, and by whom.

An entry keeps two things apart. What follows from the spec alone (hashes, loss) is the same for every run of that spec
on one device class; what was only observed (who worked, how long) is not. So two logs can be compared, and a log can
be checked by computing it again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from phiforge.base.canonical import canonical_json, sha256_hex
from phiforge.base.errors import FormatError

Entry = dict[str, Any]
"""One version of the commit log."""

OBSERVED, DIGEST, SCORES = "observed", "digest", "scores"

PLAIN_SCORES = ("loss", "accuracy")
"""The scores that stand in an entry by themselves; others are together under ``scores``."""


class Origin(NamedTuple):
    """What travels beside a job's contribution: its hash, its episodes' digest, and who computed it in what time.

    ``contribution``: SHA-256 of its bytes; ``episodes``: ``digest_of`` the bytes it was made from;
    ``phi_version``: the version whose φ it was computed from, where that need not be the head.
    """

    contribution: str
    episodes: str
    worker: str
    compute_seconds: float
    phi_version: int | None = None

    def to_bytes(self) -> bytes:
        """Return JSON."""
        return canonical_json(self._asdict())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Origin":
        """Read what ``to_bytes`` wrote; raises FormatError for anything else."""
        try:
            return cls(**json.loads(data))
        except (ValueError, TypeError) as error:
            raise FormatError(f"not the origin of a contribution: {data[:80]!r}") from error


class Work(NamedTuple):
    """What one contribution was: that of ``job`` of the step from ``version``, computed from φ of ``phi_version``."""

    version: int
    job: int
    phi_version: int


class Lineage(NamedTuple):
    """What one version was made of, as far as it follows from the spec: hashes in, hashes out."""

    version: int
    spec_hash: str
    phi_hash_before: str
    phi_hash: str
    optimizer_hash: str
    jobs: Sequence[tuple[str, str]]
    """In order: the digest of the job's episodes, the SHA-256 of its contribution."""
    scores: Mapping[str, float]
    """Means over the version's tasks, by name."""
    works: Sequence[Work] = ()
    """In the order of jobs, where a version need not be made of its own jobs, computed from the φ before it."""

    def entry(self) -> Entry:
        """Return the part of a log entry that anybody can compute again, with a digest over all of it."""
        jobs = [{"episodes": episodes, "contribution": contribution} for episodes, contribution in self.jobs]
        if self.works:
            jobs = [job | work._asdict() for job, work in zip(jobs, self.works, strict=True)]
        plain = {name: value for name, value in self._asdict().items() if name not in ("works", SCORES)}
        fields = plain | {"jobs": jobs} | _logged(self.scores)
        return fields | {DIGEST: sha256_hex(canonical_json(fields))}


def _logged(scores: Mapping[str, float]) -> dict[str, Any]:
    plain = {name: value for name, value in scores.items() if name in PLAIN_SCORES}
    others = {name: value for name, value in scores.items() if name not in PLAIN_SCORES}
    return plain | ({SCORES: others} if others else {})


def works_of(entry: Mapping[str, Any], jobs: int) -> list[Work]:
    """Return what the contributions of an entry's version were, in order: of its own jobs unless it says otherwise."""
    version = int(entry["version"]) - 1
    logged = entry.get("jobs", [])
    if logged and "phi_version" in logged[0]:
        return [Work(int(job["version"]), int(job["job"]), int(job["phi_version"])) for job in logged]
    return [Work(version, job, version) for job in range(jobs)]


def log_entry(step: Lineage, origins: Sequence[Origin], committed_by: str, committed_at: float) -> bytes:
    """Return the log's line for ``step``; ``origins`` come in order of job, ``committed_at`` is a Unix time."""
    jobs = [{"worker": each.worker, "compute_seconds": round(each.compute_seconds, 6)} for each in origins]
    observed = {"committed_by": committed_by, "committed_at": committed_at, "jobs": jobs}
    return canonical_json(step.entry() | {OBSERVED: observed})


def reproducible(entry: Mapping[str, Any]) -> Entry:
    """Return ``entry`` without what was only observed."""
    return {name: value for name, value in entry.items() if name != OBSERVED}


def is_whole(entries: Mapping[int, bytes], after: int, upto: int, phi_hash: str) -> bool:
    """Say whether ``entries`` are those of the versions above ``after`` up to ``upto``, undamaged, and lead to φ."""
    if list(entries) != list(range(after + 1, upto + 1)):
        return False
    try:
        steps = [reproducible(json.loads(entry)) for entry in entries.values()]
        if not all(_is_undamaged(step) for step in steps):
            return False
    except (ValueError, AttributeError):  # not JSON, or not a mapping
        return False
    hashes = [step["phi_hash"] for step in steps]
    return [step["phi_hash_before"] for step in steps[1:]] == hashes[:-1] and hashes[-1:] == [phi_hash]


def _is_undamaged(step: Entry) -> bool:
    fields = {name: value for name, value in step.items() if name != DIGEST}
    return step.get(DIGEST) == sha256_hex(canonical_json(fields))


class Difference(NamedTuple):
    """One thing that was logged and, computed again, came out otherwise; ``job`` is None for what no job decides."""

    version: int
    job: int | None
    what: str
    logged: str
    computed: str


def differences(logged: Mapping[str, Any], computed: Mapping[str, Any]) -> list[Difference]:
    """Return where two entries of one version differ: what goes in first, then each job, then what comes out."""
    version = int(computed["version"])
    before = _fields(version, logged, computed, ("spec_hash", "phi_hash_before"))
    after = _fields(version, logged, computed, (*PLAIN_SCORES, SCORES, "optimizer_hash", "phi_hash"))
    found = [*before, *_jobs(version, logged.get("jobs", []), computed["jobs"]), *after]
    return found or _fields(version, logged, computed, ("version", DIGEST))


def _fields(
    version: int, logged: Mapping[str, Any], computed: Mapping[str, Any], names: Sequence[str], job: int | None = None
) -> list[Difference]:
    return [
        Difference(version, job, name, str(logged.get(name, "nothing")), str(computed.get(name, "nothing")))
        for name in names
        if logged.get(name) != computed.get(name)
    ]


def _jobs(version: int, logged: Sequence[Mapping[str, str]], computed: Sequence[Mapping[str, str]]) -> list[Difference]:
    found: list[Difference] = []
    for job in range(max(len(logged), len(computed))):
        pair = [jobs[job] if job < len(jobs) else {} for jobs in (logged, computed)]
        found += _fields(version, pair[0], pair[1], ("episodes", "contribution"), job)
    return found
