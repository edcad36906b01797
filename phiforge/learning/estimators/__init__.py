"""How L(φ) is minimised: one estimator a file, found by the file's name or by an installed package's entry point."""

from phiforge.learning.estimators.bases.estimator import Contribution, Estimator, Step
from phiforge.registry import ESTIMATORS, PartConfig


def build_estimator(config: PartConfig) -> Estimator:
    """Return the estimator that ``config`` describes; raises MissingPartError if there is none such here."""
    return ESTIMATORS.built_on(Estimator, config.name)(config)


__all__ = ["ESTIMATORS", "Contribution", "Estimator", "Step", "build_estimator"]
