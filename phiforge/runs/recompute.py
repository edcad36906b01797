"""Steps that were taken once, taken again: from a checkpoint to any later version, without Redis or a fleet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import RunError
from phiforge.learning.device import require
from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.reduction import Reduced, reduce
from phiforge.learning.repeatable import repeating_exactly
from phiforge.learning.tensors import decode, encode, fingerprint, torch_type
from phiforge.runs.commit_log import Entry, Work, works_of
from phiforge.runs.consistency.bounded_staleness import Ticket, applied, first_tickets, is_ticketed
from phiforge.runs.consistency.committing import lineage_of
from phiforge.runs.record import Checkpoint, RunRecord
from phiforge.tasks.episodes import EpisodeBatch, digest_of
from trainer.worker import Trainer

EpisodesOf = Callable[[int, int], bytes]
"""Returns the episode file of a version's job."""


class Recomputed(NamedTuple):
    """A version as it comes out when it is computed again: its state, and what the log should say of it."""

    checkpoint: Checkpoint
    entry: Entry


def recompute(
    record: RunRecord,
    start: Checkpoint,
    upto: int,
    episodes_of: EpisodesOf,
    device: str = "cpu",
    logged: Mapping[int, Entry] | None = None,
) -> Iterator[Recomputed]:
    """Yield the versions above ``start`` up to ``upto``: the same to the bit as the fleet's, on its class of device.

    Of a run with tickets the log, by version, decides which contribution went into which version, from which φ; start
    where ``is_determined``. Raises RunError where a step cannot be taken, FormatError if ``episodes_of`` returns no
    episode file.
    """
    checkpoint, phis = start, {start.version: encode(start.phi)}
    for version in range(start.version, upto):
        entry = (logged or {}).get(version + 1, {"version": version + 1})
        works = works_of(entry, record.spec.outer.jobs)
        with _deterministic():
            recomputed = _step(record, checkpoint, works, phis, episodes_of, device)
        yield recomputed
        checkpoint = recomputed.checkpoint
        phis[checkpoint.version] = encode(checkpoint.phi)
        phis.pop(version - record.spec.staleness, None)


def is_determined(start: int, entries: Iterable[Entry], jobs: int) -> bool:
    """Say whether the versions of ``entries`` can be computed from φ of ``start``: none was made from a φ before it."""
    return all(work.phi_version >= start for entry in entries for work in works_of(entry, jobs))


def _step(
    record: RunRecord,
    start: Checkpoint,
    works: Sequence[Work],
    phis: Mapping[int, bytes],
    episodes_of: EpisodesOf,
    device: str,
) -> Recomputed:
    version, spec = start.version, record.spec
    require(spec.numerics, device)
    if missing := {work.phi_version for work in works} - phis.keys():
        raise RunError(f"version {version + 1} was made from φ of versions {sorted(missing)}, which are not at hand")
    files = [episodes_of(work.version, work.job) for work in works]
    payloads = [
        _contribution(record, phis[work.phi_version], data, work.version, work.job, device)
        for work, data in zip(works, files, strict=True)
    ]
    reduced = reduce(estimator_of(spec), Step(spec, version), start.phi, start.optimizer, payloads)
    jobs = [(digest_of(data), sha256_hex(payload)) for data, payload in zip(files, payloads, strict=True)]
    noted = works if is_ticketed(spec) else ()
    lineage = lineage_of(record, version, fingerprint(start.phi), reduced, jobs, noted)
    return Recomputed(_after(record, start, works, reduced), lineage.entry())


def _after(record: RunRecord, start: Checkpoint, works: Sequence[Work], reduced: Reduced) -> Checkpoint:
    version, tickets = start.version + 1, None
    if is_ticketed(record.spec):
        before = start.tickets or first_tickets(record.spec, start.version)
        tickets = applied(record.spec, start.version, before, [Ticket(work.version, work.job) for work in works])
    phi, optimizer = decode(reduced.phi), decode(reduced.optimizer)
    return Checkpoint(version, phi, optimizer, reduced.phi_hash, record.tasks_at(version), tickets)


def _contribution(record: RunRecord, phi: bytes, data: bytes, version: int, job: int, device: str) -> bytes:
    batch = EpisodeBatch.from_bytes(data)
    episodes = list(batch.episodes(device, torch_type(record.spec.numerics.kept)))
    return Trainer.compute(record, decode(phi, device), episodes, version, job).to_bytes()


@contextmanager
def _deterministic() -> Iterator[None]:
    """Compute as a trainer does, and leave torch as it was."""
    threads = torch.get_num_threads()
    try:
        with repeating_exactly():
            yield
    finally:
        torch.set_num_threads(threads)
