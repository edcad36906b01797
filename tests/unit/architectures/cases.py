"""Small searches: learners on a relaxed cell, φ with logits that are far apart, and tasks."""

import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import LEARNERS
from phiforge.learning.networks.bases.relaxed import is_architecture
from tests.unit.cases import learner_of, phi_of

RELAXED = {"name": "relaxed_cell", "channels": 4, "stages": 2}
NORMAL = "architecture.normal"


def searching(name="meta_nas", **settings):
    """A learner on a relaxed cell."""
    raw = {"name": name, "network": RELAXED} | settings
    return learner_of(LEARNERS[name].Config.model_validate(raw))


def parameters_of(learner, spread=1.0):
    """φ in float64, each entry a little off its start, logits far apart."""
    generator, found = torch_generator("off"), {}
    for name, value in sorted(phi_of(learner).items()):
        size = spread if is_architecture(name) else 0.03
        found[name] = value + size * torch.randn(value.shape, generator=generator, dtype=torch.float64)
    return found


def chosen(phi, *operations):
    """φ whose logits say these operations."""
    columns = ["none", "skip", "conv1x1", "conv3x3", "pool3x3"]
    logits = torch.zeros_like(phi[NORMAL])
    for row, operation in enumerate(operations):
        logits[row, columns.index(operation)] = 2.0
    return phi | {NORMAL: logits}
