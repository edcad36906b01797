"""Every estimator: one file an idea; adding one is a file and a line here."""

from phiforge.spec.part import Part
from trainer.estimators.backpropagation import Backpropagation, FirstOrder
from trainer.estimators.base import Contribution, Estimator, Step
from trainer.estimators.evolution import Evolution
from trainer.estimators.implicit import Implicit
from trainer.estimators.reinforce import Reinforce
from trainer.estimators.reptile import Reptile

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
