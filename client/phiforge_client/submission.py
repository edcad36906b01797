"""From a raw spec to a run that waits for its turn: checked whole, published, queued."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from phiforge.fleet.platform import Platform
from phiforge.learning.optimizers import init_state
from phiforge.learning.tensors import fingerprint
from phiforge.registry import PartConfig
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.datasets import Facts, prepare
from phiforge.runs.learners import initial_phi
from phiforge.runs.submitted import RunRecord
from phiforge.runs.waiting.wish import Wish
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge_client.settling import settled, tries_steps
from phiforge_client.steering import cancel, join, resume

__all__ = ["cancel", "checked_record", "enqueue", "first_checkpoint", "resume", "submit"]


def submit(
    platform: Platform, raw: Mapping[str, Any], progress: Progress | None = None, wish: Wish | None = None
) -> str:
    """Queue the run that ``raw`` describes, as is wished, and return its id; where there is room it starts at once.

    The dataset is published to object storage first, unless it is there. Raises SpecError, with nothing queued, if
    the run cannot be.
    """
    settings = platform.settings
    record = checked_record(raw, lambda data: prepare(data, settings, platform.store, progress), settings.device)
    return enqueue(platform, record, first_checkpoint(record), wish)


def checked_record(raw: Mapping[str, Any], facts_of: Callable[[PartConfig], Facts], device: str) -> RunRecord:
    """Return a new run of the spec that ``raw`` is; ``facts_of`` says what is known of its dataset.

    What the spec leaves to be settled is settled for ``device``.

    Raises SpecError with every problem.
    """
    found: list[Facts] = []

    def look_up(data: PartConfig) -> DatasetFacts:
        found.append(facts_of(data))
        return DatasetFacts(found[-1].classes, found[-1].drawings)

    spec = settled(parse_spec(raw, look_up), device)
    return RunRecord(
        run=_run_id(spec),
        spec=spec,
        spec_hash=spec.hash,
        dataset=found[-1].digest,
        input_shape=found[-1].input_shape,
        train_classes=_train_classes(spec, found[-1]),
        created_at=time.time(),
        tries_steps=tries_steps(spec),
    )


def enqueue(platform: Platform, record: RunRecord, start: Checkpoint, wish: Wish | None = None) -> str:
    """Write ``record`` and where it starts down, let it join the queue, and return its id."""
    wish = wish or Wish()
    record = record._replace(wish=wish)
    platform.record.create(record)
    platform.checkpoints.save(record.run, start)
    join(platform, record.run, hold=wish.hold)
    return record.run


def _train_classes(spec: RunSpec, facts: Facts) -> int:
    """Return how many classes training tasks are drawn from; a mirror image is a class of its own."""
    return facts.classes.get("train", 0) * (2 if spec.sampling.augmentation == "mirror" else 1)


def _run_id(spec: RunSpec) -> str:
    return f"{spec.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def first_checkpoint(record: RunRecord) -> Checkpoint:
    """Return where a run that is no branch starts: φ₀, and an optimiser that has seen nothing."""
    phi = initial_phi(record)
    return Checkpoint(0, phi, init_state(record.spec.outer, phi), fingerprint(phi), tasks=0)
