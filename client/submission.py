"""From a raw spec to a run that services move: checked whole, published, queued."""

import secrets
import time
from collections.abc import Mapping
from typing import Any

import torch

from phiforge.errors import RunError
from phiforge.learners import TaskShape, build_learner
from phiforge.platform import Platform
from phiforge.progress import reconcile
from phiforge.randomness import torch_generator
from phiforge.record import Checkpoint, RunRecord
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.data import DataSpec
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tensors import Tensors, fingerprint
from sampler.datasets import Progress, ensure_published, load_facts
from trainer.optimizers import init_state


def submit(platform: Platform, raw: Mapping[str, Any], progress: Progress | None = None) -> str:
    """Queue the run that ``raw`` describes and return its id; raises SpecError, with nothing queued, if it cannot be.

    The dataset is published to object storage first, unless it is there.
    """
    digests: list[str] = []

    def facts_of(data: DataSpec) -> DatasetFacts:
        digests.append(ensure_published(data, platform.settings, platform.store, progress))
        facts = load_facts(digests[-1], platform.store)
        return DatasetFacts(facts.classes, facts.drawings)

    spec = parse_spec(raw, facts_of)
    dataset = load_facts(digests[-1], platform.store)
    record = RunRecord(_run_id(spec), spec, dataset.digest, dataset.image_shape, time.time())
    platform.record.create(record)
    platform.record.save_checkpoint(record.run, _first_checkpoint(record))
    platform.record.activate(record.run)
    reconcile(platform, record.run)
    return record.run


def cancel(platform: Platform, run: str) -> None:
    """Stop ``run`` for now; raises RunError if it is over already."""
    _expect(platform, run, "cancel", "running")
    platform.record.end(run, "cancelled", "cancelled by its user")
    platform.exchange.stop(run, "cancelled")


def resume(platform: Platform, run: str) -> None:
    """Let a cancelled or failed run go on from its newest checkpoint, to the same φ as if it had never stopped."""
    _expect(platform, run, "resume", "cancelled", "failed")
    platform.record.reopen(run)
    platform.exchange.forget(run)
    reconcile(platform, run)


def _expect(platform: Platform, run: str, action: str, *allowed: str) -> None:
    platform.run(run)
    status = platform.record.status(run)
    if status not in allowed:
        raise RunError(f"cannot {action} run {run!r}: it is {status}; allowed: {' or '.join(allowed)}")


def _run_id(spec: RunSpec) -> str:
    return f"{spec.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _first_checkpoint(record: RunRecord) -> Checkpoint:
    phi = initial_phi(record)
    return Checkpoint(0, phi, init_state(record.spec.outer, phi), fingerprint(phi), tasks=0)


def initial_phi(record: RunRecord) -> Tensors:
    """Return φ₀, named by the spec's seed alone."""
    spec = record.spec
    learner = build_learner(spec.learner, TaskShape(spec.task.n_way, record.image_shape))
    drawn = learner.init_phi(torch_generator(spec.seed, "phi"))
    return {name: value.to(getattr(torch, spec.numerics.dtype)) for name, value in drawn.items()}
