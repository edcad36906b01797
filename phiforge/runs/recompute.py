"""Steps that were taken once, taken again: from a checkpoint to any later version, without Redis or a fleet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import PhiforgeError, RunError
from phiforge.learning.device import require
from phiforge.learning.estimators import Step
from phiforge.learning.estimators.bases.local_steps import estimator_of
from phiforge.learning.reduction import Reduced, reduce
from phiforge.learning.repeatable import as_a_trainer
from phiforge.learning.tensors import decode, encode, fingerprint, torch_type
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import Entry, Work, works_of
from phiforge.runs.consistency.chosen import consistency_of
from phiforge.runs.consistency.committing import lineage_of
from phiforge.runs.contributing import contribute
from phiforge.runs.steps import Ticket
from phiforge.runs.submitted import RunRecord
from phiforge.tasks.episodes import EpisodeBatch, digest_of

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

    Where versions are not made of their own jobs, the log, by version, decides which contribution went into which
    version, from which φ; start where the run's rules say that all is determined. Raises RunError where a step cannot
    be taken, FormatError if ``episodes_of`` returns no episode file.
    """
    checkpoint, phis = start, {start.version: encode(start.phi)}
    for version in range(start.version, upto):
        entry = (logged or {}).get(version + 1, {"version": version + 1})
        works = works_of(entry, record.spec.outer.jobs)
        with as_a_trainer():
            recomputed = _step(record, checkpoint, works, phis, episodes_of, device)
        yield recomputed
        checkpoint = recomputed.checkpoint
        phis[checkpoint.version] = encode(checkpoint.phi)
        phis.pop(version - consistency_of(record.spec).reach, None)


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
    lineage = lineage_of(record, version, fingerprint(start.phi), reduced, jobs, works)
    return Recomputed(_after(record, start, works, reduced), lineage.entry())


def _after(record: RunRecord, start: Checkpoint, works: Sequence[Work], reduced: Reduced) -> Checkpoint:
    version, used = start.version + 1, [Ticket(work.version, work.job) for work in works]
    extras = consistency_of(record.spec).extras_after(start.version, start.extras, used)
    phi, optimizer = decode(reduced.phi), decode(reduced.optimizer)
    return Checkpoint(version, phi, optimizer, reduced.phi_hash, record.tasks_at(version), extras)


def _contribution(record: RunRecord, phi: bytes, data: bytes, version: int, job: int, device: str) -> bytes:
    batch = EpisodeBatch.from_bytes(data)
    episodes = list(batch.episodes(device, torch_type(record.spec.numerics.kept)))
    with _told(f"job {job} of version {version}"):
        return contribute(record, decode(phi, device), episodes, version, job).to_bytes()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say of an error that is not of the house what was being computed."""
    try:
        yield
    except PhiforgeError:
        raise
    except Exception as error:
        raise RunError(f"{what}: {type(error).__name__}: {error}") from error
