"""Steps that were taken once, taken again: from a checkpoint to any later version, without Redis or a fleet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from phiforge.canonical import sha256_hex
from phiforge.engine import require
from phiforge.episodes import EpisodeBatch, digest_of
from phiforge.lineage import Entry
from phiforge.record import Checkpoint, RunRecord
from phiforge.tensors import decode, encode, fingerprint
from trainer.committing import lineage_of
from trainer.estimators import Step, build_estimator
from trainer.job import Trainer
from trainer.reduction import reduce

EpisodesOf = Callable[[int, int], bytes]
"""Returns the episode file of a version's job."""


class Replayed(NamedTuple):
    """A version as it comes out when it is computed again: its state, and what the log should say of it."""

    checkpoint: Checkpoint
    entry: Entry


def replay(
    record: RunRecord, start: Checkpoint, upto: int, episodes_of: EpisodesOf, device: str = "cpu"
) -> Iterator[Replayed]:
    """Yield the versions above ``start`` up to ``upto``: the same to the bit as the fleet's, on its class of device.

    Raises RunError where a step cannot be taken, FormatError if ``episodes_of`` returns no episode file.
    """
    checkpoint = start
    for _ in range(start.version, upto):
        with _deterministic():
            replayed = _step(record, checkpoint, episodes_of, device)
        yield replayed
        checkpoint = replayed.checkpoint


def _step(record: RunRecord, start: Checkpoint, episodes_of: EpisodesOf, device: str) -> Replayed:
    phi, optimizer = encode(start.phi), encode(start.optimizer)
    version, spec = start.version, record.spec
    require(spec.numerics.settled_engine, device)
    files = [episodes_of(version, job) for job in range(spec.outer.jobs)]
    payloads = [_contribution(record, phi, data, version, job, device) for job, data in enumerate(files)]
    reduced = reduce(build_estimator(spec.estimator), Step(spec, version), phi, optimizer, payloads)
    jobs = [(digest_of(data), sha256_hex(payload)) for data, payload in zip(files, payloads, strict=True)]
    lineage = lineage_of(record, version, fingerprint(start.phi), reduced, jobs)
    phi_after, optimizer_after = decode(reduced.phi), decode(reduced.optimizer)
    tasks = record.tasks_at(version + 1)
    return Replayed(Checkpoint(version + 1, phi_after, optimizer_after, reduced.phi_hash, tasks), lineage.entry())


def _contribution(record: RunRecord, phi: bytes, data: bytes, version: int, job: int, device: str) -> bytes:
    batch = EpisodeBatch.from_bytes(data)
    episodes = list(batch.episodes(device, getattr(torch, record.spec.numerics.dtype)))
    return Trainer.compute(record, decode(phi, device), episodes, version, job).to_bytes()


@contextmanager
def _deterministic() -> Iterator[None]:
    """Compute as a trainer does, and leave torch as it was."""
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
