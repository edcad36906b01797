"""Every estimator: one file an idea; adding one is a file and a line here."""

from phiforge.learning.estimators.backpropagation import Backpropagation, FirstOrder
from phiforge.learning.estimators.bases.estimator import Contribution, Estimator, Step
from phiforge.learning.estimators.evolution import Evolution
from phiforge.learning.estimators.implicit import Implicit
from phiforge.learning.estimators.reinforce import Reinforce
from phiforge.learning.estimators.reptile import Reptile
from phiforge.registry.section import Part

ESTIMATORS: dict[str, type[Estimator]] = {
    "backpropagation": Backpropagation,
    "evolution": Evolution,
    "first_order": FirstOrder,
    "implicit": Implicit,
    "reinforce": Reinforce,
    "reptile": Reptile,
}


def build_estimator(config: Part) -> Estimator:
    """Return the estimator that ``config`` (one of EstimatorConfig) names."""
    return ESTIMATORS[getattr(config, "name")](config)  # noqa: B009


__all__ = ["ESTIMATORS", "Contribution", "Estimator", "Step", "build_estimator"]
