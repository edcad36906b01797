"""Outer optimisers: how φ moves against the direction that an estimator found. One a file."""

from phiforge.learning.optimizers.bases.averaging import AVERAGE, carried_on, judged, judged_by, kept, moved_on
from phiforge.learning.optimizers.bases.clipping import clipped
from phiforge.learning.optimizers.bases.optimizer import SINCE, Optimizer, build_optimizer
from phiforge.learning.optimizers.bases.rates import learning_rate, rate_of
from phiforge.learning.optimizers.bases.update import Updated, init_state, update
from phiforge.registry import OPTIMIZERS

__all__ = [
    "AVERAGE",
    "OPTIMIZERS",
    "SINCE",
    "Optimizer",
    "Updated",
    "build_optimizer",
    "carried_on",
    "clipped",
    "init_state",
    "judged",
    "judged_by",
    "kept",
    "learning_rate",
    "moved_on",
    "rate_of",
    "update",
]
