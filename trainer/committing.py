"""From the open step, as it lies in Redis, to the next version: nothing is used whose hash is not the one noted."""

import time

from phiforge.canonical import sha256_hex
from phiforge.errors import FormatError
from phiforge.exchange import Commit, OpenStep
from phiforge.lineage import Lineage, Origin, log_entry
from phiforge.record import RunRecord
from phiforge.tensors import Tensors, decode, fingerprint
from trainer.estimators import Step, build_estimator
from trainer.reduction import Reduced, reduce


def intact(data: bytes | None, noted_hash: str) -> Tensors | None:
    """Return the tensors of safetensors bytes, or None if they are not those of ``noted_hash``."""
    try:
        tensors = decode(data or b"")
    except FormatError:
        return None
    return tensors if fingerprint(tensors) == noted_hash else None


def head_is_intact(step: OpenStep) -> bool:
    """Say whether φ and the optimiser's state of the head are those that were committed."""
    return all(
        intact(data, noted_hash) is not None
        for data, noted_hash in ((step.phi, step.phi_hash), (step.optimizer, step.optimizer_hash))
    )


def damaged_jobs(step: OpenStep) -> list[int]:
    """Return the jobs whose contributions are not the bytes that were published."""
    return [job for job, payload in step.contributions.items() if not _is_as_published(payload, step.origins.get(job))]


def next_version(record: RunRecord, step: OpenStep, committed_by: str) -> Commit:
    """Return the commit of a whole, intact step; raises RunError if it is not finite."""
    assert step.phi is not None
    assert step.optimizer is not None
    payloads = list(step.contributions.values())
    estimator = build_estimator(record.spec.estimator)
    reduced = reduce(estimator, Step(record.spec, step.head), step.phi, step.optimizer, payloads)
    origins = [Origin.from_bytes(step.origins[job]) for job in step.contributions]
    jobs = [(origin.episodes, origin.contribution) for origin in origins]
    lineage = lineage_of(record, step.head, step.phi_hash, reduced, jobs)
    return Commit(
        phi=reduced.phi,
        optimizer=reduced.optimizer,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        log_entry=log_entry(lineage, origins, committed_by, time.time()),
        loss=reduced.loss,
        accuracy=reduced.accuracy,
        tasks=record.tasks_at(step.head + 1),
    )


def lineage_of(record: RunRecord, head: int, phi_hash: str, reduced: Reduced, jobs: list[tuple[str, str]]) -> Lineage:
    """Return what a log entry says of the step from ``head``, whose φ has ``phi_hash``."""
    return Lineage(
        version=head + 1,
        spec_hash=record.spec.hash,
        phi_hash_before=phi_hash,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        jobs=jobs,
        loss=reduced.loss,
        accuracy=reduced.accuracy,
    )


def _is_as_published(payload: bytes, origin: bytes | None) -> bool:
    try:
        return origin is not None and Origin.from_bytes(origin).contribution == sha256_hex(payload)
    except FormatError:
        return False
