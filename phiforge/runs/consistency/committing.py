"""From the open step, as it lies in Redis, to the next version: nothing is used whose hash is not the one noted."""

import time
from collections.abc import Container, Sequence

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError
from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.reduction import Reduced, reduce
from phiforge.learning.tensors import Tensors
from phiforge.runs.commit_log import Lineage, Origin, Work, log_entry
from phiforge.runs.consistency.bounded_staleness import Ticket
from phiforge.runs.record import RunRecord
from phiforge.runs.steps import Commit, Job, OpenStep


def damaged_jobs(step: OpenStep[Job], own: Container[Job] = ()) -> list[Job]:
    """Return the jobs whose contributions are not the bytes that were published; those of ``own`` never left here."""
    others = [(job, payload) for job, payload in step.contributions.items() if job not in own]
    return [job for job, payload in others if not _is_as_published(payload, step.origins.get(job))]


def next_version(record: RunRecord, step: OpenStep[Job], phi: Tensors, optimizer: Tensors, committed_by: str) -> Commit:
    """Return the commit of a whole, intact step from φ and its optimiser; raises RunError if it is not finite."""
    payloads = list(step.contributions.values())
    estimator = estimator_of(record.spec)
    reduced = reduce(estimator, Step(record.spec, step.head), phi, optimizer, payloads)
    origins = [Origin.from_bytes(step.origins[job]) for job in step.contributions]
    jobs = [(origin.episodes, origin.contribution) for origin in origins]
    lineage = lineage_of(record, step.head, step.phi_hash, reduced, jobs, _works(step, origins))
    return Commit(
        phi=reduced.phi,
        optimizer=reduced.optimizer,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        log_entry=log_entry(lineage, origins, committed_by, time.time()),
        loss=reduced.scores["loss"],
        accuracy=reduced.scores["accuracy"],
        tasks=record.tasks_at(step.head + 1),
    )


def lineage_of(
    record: RunRecord,
    head: int,
    phi_hash: str,
    reduced: Reduced,
    jobs: Sequence[tuple[str, str]],
    works: Sequence[Work] = (),
) -> Lineage:
    """Return what a log entry says of the step from ``head``, whose φ has ``phi_hash``."""
    return Lineage(
        version=head + 1,
        spec_hash=record.spec.hash,
        phi_hash_before=phi_hash,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        jobs=jobs,
        loss=reduced.scores["loss"],
        accuracy=reduced.scores["accuracy"],
        works=works,
    )


def _works(step: OpenStep[Job], origins: Sequence[Origin]) -> list[Work]:
    """Return what the contributions of a step were, where the version alone does not say so."""
    return [
        Work(ticket.version, ticket.job, origin.phi_version)
        for ticket, origin in zip(step.contributions, origins, strict=True)
        if isinstance(ticket, Ticket) and origin.phi_version is not None
    ]


def _is_as_published(payload: bytes, origin: bytes | None) -> bool:
    try:
        return origin is not None and Origin.from_bytes(origin).contribution == sha256_hex(payload)
    except FormatError:
        return False
