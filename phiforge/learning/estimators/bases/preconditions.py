"""What an implicit gradient takes for granted, looked at: the inner loop has converged, and its objective curves up.

Rajeswaran et al. 2019, lemma 1: both must hold for (I + H/λ)⁻¹ ∇L to be the gradient.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from phiforge.base.metrics import IMPLICIT_UNMET
from phiforge.learning.estimators.bases.estimator import Step

log = logging.getLogger(__name__)

MOST_RESIDUAL = 0.5
"""Above which an inner loop counts as not converged."""
_SAID_EVERY = 50
"""Versions between two lines of the log; every job counts in the metric."""
_ADVICE = {
    "converged": "the inner loop has not converged: more learner.inner_steps, or a larger learner.inner_lr or proximal",
    "definite": "the support loss curves down more than the pull makes up for: a larger learner.proximal or "
    "estimator.damping",
}


class Preconditions(NamedTuple):
    """What was found of one task.

    ``residual``: |∇l + λ(θ − φ)| over |∇l| + |λ(θ − φ)|, of the support loss l where the inner loop ends: 0 at a
    minimum of the inner objective, 1 where the pull does nothing yet.
    ``curvature``: the smallest pᵀAp / pᵀp of A = I + H/(λ + damping) along the directions p of the conjugate gradients.
    """

    residual: float
    curvature: float

    @property
    def unmet(self) -> Iterator[str]:
        """Which do not hold, by the names of the metric."""
        if not self.residual <= MOST_RESIDUAL:
            yield "converged"
        if not self.curvature > 0:
            yield "definite"


def tell(found: Sequence[Preconditions], step: Step, job: int) -> None:
    """Count the tasks of a job that lack a precondition, and say so now and then in the log."""
    unmet = [condition for each in found for condition in each.unmet]
    for condition in unmet:
        IMPLICIT_UNMET.labels(condition=condition).inc()
    if job or step.version % _SAID_EVERY:
        return
    parts = [f"in {unmet.count(each)} of {len(found)} tasks {_ADVICE[each]}" for each in _ADVICE if each in unmet]
    if parts:
        run = step.spec.name
        log.warning("%s, version %d: estimator 'implicit' is not exact: %s", run, step.version, "; ".join(parts))
