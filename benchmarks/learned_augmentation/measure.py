"""One cell: φ is meta-trained and judged; what is found is kept as JSON and tensors."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.learned_augmentation.methods import CLASSES, Cell, spec_of
from phiforge.learning.meta_training import judge, meta_train
from phiforge.learning.tensors import Tensors, decode, encode
from phiforge.spec.run import RunSpec
from phiforge.tasks.drawing import Tasks
from phiforge.tasks.pool import Pool

OF_TRAINING = 10
"""The last versions, over which the accuracy on training tasks is a mean."""


class Size(NamedTuple):
    """How much each cell is: training tasks, and test tasks."""

    tasks: int
    judged: int


def few(pool: Pool, classes: int = CLASSES) -> Pool:
    """Return the dataset with as many training classes; those that φ is judged by stay."""
    splits = pool.dataset.splits
    return Pool(replace(pool.dataset, splits={**splits, "train": splits["train"][:classes]}))


def known(cell: Cell, folder: Path, size: Size) -> dict[str, Any] | None:
    """Return what a cell of that size came to before; None if it was not computed."""
    path = folder / f"{cell.name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found if (found.get("tasks"), found.get("judged")) == tuple(size) else None


def measured(cell: Cell, pool: Pool, folder: Path, size: Size) -> dict[str, Any]:
    """Return what a cell comes to, and keep it in ``folder``."""
    spec = spec_of(cell, *size)
    began = time.process_time()
    phi, training = trained(spec, pool)
    spent = time.process_time() - began
    tests = judge(spec, phi, Tasks(spec, pool=pool).judged("test"), "test")
    found = size._asdict() | {"training_accuracy": training, "training_seconds": spent}
    found |= {"accuracy": tests["accuracy"].mean, "loss": tests["loss"].mean}
    (folder / f"{cell.name}.phi").write_bytes(encode(phi))
    (folder / f"{cell.name}.json").write_text(json.dumps(found, indent=1))
    return found


def trained(spec: RunSpec, pool: Pool) -> tuple[Tensors, float]:
    """Return the last φ, and the accuracy on training tasks over the last versions."""
    phi: Tensors = {}
    scores: list[Mapping[str, float]] = []
    for version in meta_train(spec, Tasks(spec, pool=pool).training):
        phi = version.phi
        scores.append(version.scores)
    last = [each["accuracy"] for each in scores[-OF_TRAINING:]]
    return phi, sum(last) / len(last)


def phi_of(cell: Cell, folder: Path) -> Tensors:
    """Return the φ that a cell came to."""
    return decode((folder / f"{cell.name}.phi").read_bytes())
