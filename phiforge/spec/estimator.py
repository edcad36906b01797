"""How L(φ) is minimised: one frozen config per estimator, and which learners it makes sense for."""

from typing import Annotated, Literal

from pydantic import Field

from phiforge.learners import Learner
from phiforge.spec.part import Part


class BackpropagationConfig(Part):
    """∂L/∂φ exactly, through the inner loop where there is one (second order)."""

    name: Literal["backpropagation"] = "backpropagation"

    def refuses(self, learner: type[Learner]) -> str | None:
        """Say why this estimator makes no sense for ``learner``, or None."""
        return None if learner.learns else f"learner '{learner.name}' has no φ to learn: use estimator 'none'"


class FirstOrderConfig(Part):
    """∂L/∂φ with the inner gradients taken as constants (Finn et al. 2017, section 5.2)."""

    name: Literal["first_order"] = "first_order"

    def refuses(self, learner: type[Learner]) -> str | None:
        """Say why this estimator makes no sense for ``learner``, or None."""
        if not learner.learns:
            return f"learner '{learner.name}' has no φ to learn: use estimator 'none'"
        if not learner.inner_gradient:
            return f"learner '{learner.name}' takes no inner gradient to approximate: use estimator 'backpropagation'"
        return None


class NoEstimatorConfig(Part):
    """No meta-training: for baselines, which have nothing to learn across tasks."""

    name: Literal["none"] = "none"

    def refuses(self, learner: type[Learner]) -> str | None:
        """Say why this estimator makes no sense for ``learner``, or None."""
        return f"learner '{learner.name}' has a φ that 'none' would never train" if learner.learns else None


EstimatorConfig = Annotated[BackpropagationConfig | FirstOrderConfig | NoEstimatorConfig, Field(discriminator="name")]
