"""What was learned: how far each entry of φ went from φ₀, and the values of those that are few numbers."""

from typing import NamedTuple

import torch

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.learning.optimizers import judged
from phiforge.learning.tensors import Tensors
from phiforge.runs.learners import initial_phi
from phiforge.runs.platform import RunPlatform
from phiforge.runs.submitted import RunRecord

FEW = 8
"""Numbers of an entry that are shown one by one."""


class Learned(NamedTuple):
    """An entry of φ: its shape, its norm at the start and in the version that is judged, and how far it went.

    ``moved`` is |φ − φ₀| over |φ₀|, None where |φ₀| is 0. ``values`` are the numbers of a small entry.
    """

    name: str
    shape: str
    norm_before: float
    norm: float
    moved: float | None
    values: list[float]


def learned(platform: RunPlatform, record: RunRecord, version: int) -> list[Learned]:
    """Return what became of each entry of φ by ``version``; nothing if that checkpoint is gone or damaged."""
    try:
        checkpoint = platform.checkpoints.load(record.run, version)
    except (MissingObjectError, FormatError):
        return []
    phi, start = judged(record.spec.outer, checkpoint.phi, checkpoint.optimizer), _start(platform, record)
    return [_of(name, start[name], phi[name]) for name in sorted(phi) if name in start]


def _start(platform: RunPlatform, record: RunRecord) -> Tensors:
    """Return φ where the run started: φ₀, or that of its parent."""
    if record.parent is None:
        return initial_phi(record)
    try:
        return platform.checkpoints.load(record.run, record.first_version).phi
    except (MissingObjectError, FormatError):
        return {}


def _of(name: str, start: torch.Tensor, value: torch.Tensor) -> Learned:
    before, now = start.double(), value.double()
    norm, far = float(before.norm()), float((now - before).norm())
    shape = " × ".join(map(str, value.shape)) or "one number"
    values = [float(each) for each in now.flatten()] if now.numel() <= FEW else []
    return Learned(name, shape, norm, float(now.norm()), far / norm if norm else None, values)
