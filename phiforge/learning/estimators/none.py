"""No meta-training: for baselines, which have nothing to learn across tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor

from phiforge.learning.estimators.bases.estimator import Contribution, Estimator, Step
from phiforge.learning.learners import Learner, Phi
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart
from phiforge.tasks.episodes import Episode


class NoEstimatorConfig(PartConfig):
    """Nothing to set."""

    name: Literal["none"] = "none"


class NoEstimator(Estimator):
    """Makes no updates: a run with it has no versions above 0, and judges what is there."""

    Config = NoEstimatorConfig
    updates = False
    no_local_steps = "takes no steps"
    no_staleness = "makes no contributions"

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what has a φ."""
        return f"learner '{learner.name}' has a φ that 'none' would never train" if learner.learns else None

    def contribute(self, learner: Learner, phi: Phi, episodes: Sequence[Episode], step: Step, job: int) -> Contribution:
        """Raise TypeError: no run that was checked asks for it."""
        raise TypeError("estimator 'none' makes no contributions")

    def combine(self, phi: Phi, contributions: Sequence[Contribution], step: Step) -> Mapping[str, Tensor]:
        """Raise TypeError: no run that was checked asks for it."""
        raise TypeError("estimator 'none' makes no updates")
