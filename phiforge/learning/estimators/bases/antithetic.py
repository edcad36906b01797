"""What estimators have in common that try antithetic pairs of perturbations of φ, and are told scores alone."""

from pydantic import Field

from phiforge.learning.estimators.bases.estimator import Estimator
from phiforge.registry import PartConfig


class AntitheticConfig(PartConfig):
    """How far perturbations go, and how many are tried."""

    sigma: float = Field(default=0.05, gt=0, description="Standard deviation of the perturbations.")
    pairs: int = Field(default=8, ge=1, le=10_000, description="Antithetic pairs that each job tries.")


class AntitheticEstimator(Estimator):
    """A contribution is numbers made of scores; the perturbations are drawn again, from their names, to combine."""

    no_local_steps = "contributes scores, which need every job's to become a step"
    no_staleness = "draws its perturbations again from the version that all jobs share"
