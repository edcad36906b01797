"""∂L/∂φ by backpropagation with the inner gradients as constants: first order (Finn et al. 2017, section 5.2)."""

from typing import Any, Literal

from phiforge.learning.estimators.backpropagation import Backpropagation
from phiforge.learning.estimators.bases.estimator import Step
from phiforge.learning.estimators.bases.reasons import untrainable, without_gradient
from phiforge.registry import PartConfig
from phiforge.registry.abilities import LearnerPart


class FirstOrderConfig(PartConfig):
    """∂L/∂φ with the inner gradients taken as constants (Finn et al. 2017, section 5.2)."""

    name: Literal["first_order"] = "first_order"


class FirstOrder(Backpropagation):
    """The inner gradients count as constants (Finn et al. 2017, section 5.2): cheaper, and not ∂L/∂φ."""

    Config = FirstOrderConfig
    exact = False

    @classmethod
    def refuses(cls, learner: type[LearnerPart], config: Any) -> str | None:  # noqa: ANN401 - the learner's own
        """Refuse what takes no inner gradients, and what would not move if they are constants."""
        if learner.inner_gradient:
            what = learner.refuses_constants(config)
            return what and f"learner '{learner.name}' {what} never moves by it: use estimator 'backpropagation'"
        return (
            untrainable(learner)
            or without_gradient(learner)
            or f"learner '{learner.name}' takes no inner gradient to approximate: use estimator 'backpropagation'"
        )

    def second_order(self, step: Step) -> bool:
        """Never."""
        return False
