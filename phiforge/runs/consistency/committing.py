"""From the open step, as it lies in Redis, to the next version: nothing is used whose hash is not the one noted."""

import logging
import time
from collections.abc import Container, Sequence

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError
from phiforge.base.fault_points import reach
from phiforge.base.metrics import COMMITS, COMMITS_LOST, DAMAGED
from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.reduction import Reduced, reduce
from phiforge.learning.tensors import Tensors
from phiforge.runs.commit_log import Lineage, Origin, Work, log_entry
from phiforge.runs.consistency.base import Consistency, Hands
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.steps import Commit, OpenStep, Ticket
from phiforge.runs.submitted import RunRecord

log = logging.getLogger(__name__)


def commit_step(
    protocol: Consistency, hands: Hands, record: RunRecord, step: OpenStep, own: Container[Ticket] = ()
) -> Commit | None:
    """Make the next version of a whole step the head, and return it; None if another was faster.

    Args:
        protocol: of the run
        hands: of the trainer that computes it
        record: the run
        step: what the version is made of
        own: the jobs whose contributions never left this process

    Raises:
        NotReadyError: something in the step was damaged, and was asked for again.
        RunError: the version is not finite.
    """
    _check(protocol, record, step, own)
    commit = hands.next_version(record, step)
    reach("trainer.reduced")
    if not protocol.commit(record, step, commit):
        COMMITS_LOST.inc()
        return None
    COMMITS.inc()
    reach("trainer.committed")
    return commit


def _check(protocol: Consistency, record: RunRecord, step: OpenStep, own: Container[Ticket]) -> None:
    """Drop what is damaged in the step and ask for it again; raises NotReadyError if there is any."""
    if damaged := damaged_jobs(step, own):
        names = ", ".join(map(str, damaged))
        log.error("run %s: dropping damaged contributions %s at version %d", record.run, names, step.head)
        DAMAGED.inc(len(damaged))
        protocol.drop(record, step.head, damaged)
        raise NotReadyError(Outcome.DAMAGED)


def damaged_jobs(step: OpenStep, own: Container[Ticket] = ()) -> list[Ticket]:
    """Return the jobs whose contributions are not the bytes that were published; those of ``own`` never left here."""
    others = [(job, payload) for job, payload in step.contributions.items() if job not in own]
    return [job for job, payload in others if not _is_as_published(payload, step.origins.get(job))]


def next_version(record: RunRecord, step: OpenStep, phi: Tensors, optimizer: Tensors, committed_by: str) -> Commit:
    """Return the commit of a whole, intact step from φ and its optimiser; raises RunError if it is not finite."""
    payloads = list(step.contributions.values())
    reduced = reduce(estimator_of(record.spec), Step(record.spec, step.head), phi, optimizer, payloads)
    origins = [Origin.from_bytes(step.origins[job]) for job in step.contributions]
    jobs = [(origin.episodes, origin.contribution) for origin in origins]
    lineage = lineage_of(record, step.head, step.phi_hash, reduced, jobs, _works(step, origins))
    return Commit(
        phi=reduced.phi,
        optimizer=reduced.optimizer,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        log_entry=log_entry(lineage, origins, committed_by, time.time()),
        scores=reduced.scores,
        tasks=record.tasks_at(step.head + 1),
    )


def lineage_of(
    record: RunRecord,
    head: int,
    phi_hash: str,
    reduced: Reduced,
    jobs: Sequence[tuple[str, str]],
    works: Sequence[Work],
) -> Lineage:
    """Return what a log entry says of the step from ``head``.

    Args:
        record: the run
        head: the version before
        phi_hash: of its φ
        reduced: what the step came to
        jobs: the digest of the episodes and the SHA-256 of the contribution of each job, in order
        works: what the contributions were, in the same order
    """
    return Lineage(
        version=head + 1,
        spec_hash=record.spec_hash,
        phi_hash_before=phi_hash,
        phi_hash=reduced.phi_hash,
        optimizer_hash=reduced.optimizer_hash,
        jobs=jobs,
        scores=reduced.scores,
        works=consistency_of(record.spec).noted(works),
    )


def _works(step: OpenStep, origins: Sequence[Origin]) -> list[Work]:
    """Return what the contributions of a step were, as far as they say from which φ they came."""
    return [
        Work(ticket.version, ticket.job, origin.phi_version)
        for ticket, origin in zip(step.contributions, origins, strict=True)
        if origin.phi_version is not None
    ]


def _is_as_published(payload: bytes, origin: bytes | None) -> bool:
    try:
        return origin is not None and Origin.from_bytes(origin).contribution == sha256_hex(payload)
    except FormatError:
        return False
