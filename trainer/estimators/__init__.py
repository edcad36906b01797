"""Every estimator: one file an idea; adding one is a file and a line here."""

from phiforge.spec.part import Part
from trainer.estimators.backpropagation import Backpropagation, FirstOrder
from trainer.estimators.base import Contribution, Estimator, Step

ESTIMATORS: dict[str, type[Estimator]] = {"backpropagation": Backpropagation, "first_order": FirstOrder}


def build_estimator(config: Part) -> Estimator:
    """Return the estimator that ``config`` (one of EstimatorConfig) names."""
    return ESTIMATORS[getattr(config, "name")]()  # noqa: B009


__all__ = ["ESTIMATORS", "Contribution", "Estimator", "Step", "build_estimator"]
