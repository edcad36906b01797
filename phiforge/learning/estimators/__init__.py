"""How L(φ) is minimised: one estimator a file, found by the file's name or by an installed package's entry point."""

from phiforge.base.errors import RegistryError
from phiforge.learning.estimators.bases.estimator import Contribution, Estimator, Step
from phiforge.registry import ESTIMATORS, PartConfig


def build_estimator(config: PartConfig) -> Estimator:
    """Return the estimator that ``config`` describes; raises MissingPartError if there is none such here."""
    estimator = ESTIMATORS[config.name]
    if not issubclass(estimator, Estimator):
        raise RegistryError(f"estimator '{config.name}' is {estimator.__qualname__}, expected a subclass of Estimator")
    return estimator(config)


__all__ = ["ESTIMATORS", "Contribution", "Estimator", "Step", "build_estimator"]
