"""Outer optimisers: how φ moves against the direction that an estimator found. One a file."""

from phiforge.learning.optimizers.bases.clipping import clipped
from phiforge.learning.optimizers.bases.optimizer import SINCE, Optimizer, build_optimizer
from phiforge.learning.optimizers.bases.rates import learning_rate, rate_of
from phiforge.learning.optimizers.bases.update import Updated, init_state, update
from phiforge.registry import OPTIMIZERS

__all__ = [
    "OPTIMIZERS",
    "SINCE",
    "Optimizer",
    "Updated",
    "build_optimizer",
    "clipped",
    "init_state",
    "learning_rate",
    "rate_of",
    "update",
]
