"""From a raw spec to a run that can be written down: checked whole, with all that it leaves open settled."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from phiforge.base.errors import SpecError
from phiforge.learning.optimizers import init_state
from phiforge.learning.tensors import fingerprint
from phiforge.registry import NETWORKS, PartConfig
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.datasets import Facts
from phiforge.runs.learners import initial_phi
from phiforge.runs.settling import settled, tries_steps
from phiforge.runs.submitted import RunRecord
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.read import parse_spec
from phiforge.spec.run import RunSpec
from phiforge.tasks.pool import AUGMENTATIONS

FactsOf = Callable[[PartConfig], Facts]
"""Returns what is known of a dataset."""


def checked_record(raw: Mapping[str, Any], facts_of: FactsOf, device: str, run: Callable[[RunSpec], str]) -> RunRecord:
    """Return a new run of the spec that ``raw`` is.

    Args:
        raw: as a person, or a study, wrote it.
        facts_of: says what is known of its dataset.
        device: what the spec leaves to be settled is settled for it.
        run: returns the run's id.

    Raises SpecError with every problem.
    """
    found: list[Facts] = []

    def look_up(data: PartConfig) -> DatasetFacts:
        found.append(facts_of(data))
        return DatasetFacts(found[-1].classes, found[-1].drawings)

    spec = settled(parse_spec(raw, look_up), device)
    _expect_weights(spec)
    return RunRecord(
        run=run(spec),
        spec=spec,
        spec_hash=spec.hash,
        dataset=found[-1].digest,
        input_shape=found[-1].input_shape,
        train_classes=_train_classes(spec, found[-1]),
        created_at=time.time(),
        tries_steps=tries_steps(spec),
    )


def _expect_weights(spec: RunSpec) -> None:
    network = getattr(spec.learner, "network", None)
    if network is not None and NETWORKS[network.name].weights and not network.digest:
        raise SpecError(
            ["learner.network.digest: '' is no file's; give the 64 hexadecimal digits that sha256sum says of it"]
        )


def first_checkpoint(record: RunRecord) -> Checkpoint:
    """Return where a run that is no branch starts: φ₀, and an optimiser that has seen nothing."""
    phi = initial_phi(record)
    return Checkpoint(0, phi, init_state(record.spec.outer, phi), fingerprint(phi), tasks=0)


def _train_classes(spec: RunSpec, facts: Facts) -> int:
    """Return how many classes training tasks are drawn from; one turned or mirrored is a class of its own."""
    return facts.classes.get("train", 0) * len(AUGMENTATIONS[spec.sampling.augmentation])
