"""How L(φ) is minimised: one frozen config per estimator, and which learners it makes sense for."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from phiforge.learning.learners import Learner
from phiforge.learning.learners.maml import MamlConfig
from phiforge.registry.section import Part


class _Estimator(Part):
    @abstractmethod
    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Say why this estimator makes no sense for a learner so configured, or None."""


class BackpropagationConfig(_Estimator):
    """∂L/∂φ exactly, through the inner loop where there is one (second order)."""

    name: Literal["backpropagation"] = "backpropagation"
    second_order_from: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of the run before which it is first order (Antoniou et al. 2019: 0.33).",
    )

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what has no φ, or no gradient in it."""
        return _untrainable(learner) or _without_gradient(learner)


class FirstOrderConfig(_Estimator):
    """∂L/∂φ with the inner gradients taken as constants (Finn et al. 2017, section 5.2)."""

    name: Literal["first_order"] = "first_order"

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what takes no inner gradients."""
        if learner.inner_gradient:
            return None
        return (
            _untrainable(learner)
            or _without_gradient(learner)
            or f"learner '{learner.name}' takes no inner gradient to approximate: use estimator 'backpropagation'"
        )


class ReptileConfig(_Estimator):
    """φ moves towards what inner training made of it (Nichol, Achiam and Schulman 2018, algorithm 1)."""

    name: Literal["reptile"] = "reptile"
    inner_optimizer: Literal["sgd", "adam"] = Field(
        default="adam", description="Of the inner training; adam with beta1 = 0, as published."
    )
    inner_lr: float = Field(default=1e-3, gt=0, description="Step size of the inner training.")
    inner_steps: int = Field(default=5, ge=1, le=10_000, description="Steps of the inner training.")
    batch: int | None = Field(default=10, ge=1, description="Support examples of each step; null: all.")

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what is not an initialisation, all of which moves."""
        return _untrainable(learner) or _not_all_moved(learner) or _own_norm(config)


class ImplicitConfig(_Estimator):
    """∂L/∂φ from where the inner loop ends, by the implicit function theorem (Rajeswaran et al. 2019, "iMAML")."""

    name: Literal["implicit"] = "implicit"
    iterations: int = Field(default=5, ge=1, le=1000, description="Conjugate gradient iterations.")

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what is not an initialisation pulled back to φ."""
        if isinstance(config, MamlConfig) and not config.proximal:
            return "estimator 'implicit' needs learner 'maml' with proximal above 0, and enough inner_steps to converge"
        if isinstance(config, MamlConfig):
            return _own_norm(config)
        return _untrainable(learner) or f"learner '{learner.name}' has no proximal inner loss: use learner 'maml'"


class EvolutionConfig(_Estimator):
    """Evolution strategies with antithetic pairs (Salimans et al. 2017, algorithm 2; ES-MAML, Song et al. 2020)."""

    name: Literal["evolution"] = "evolution"
    sigma: float = Field(default=0.05, gt=0, description="Standard deviation of the perturbations.")
    pairs: int = Field(default=8, ge=1, le=10_000, description="Antithetic pairs that each job tries.")

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what has no φ; a gradient is not needed."""
        return _untrainable(learner)


class ReinforceConfig(_Estimator):
    """The score function: choices that did better than their job's mean become likelier (Williams 1992, section 4)."""

    name: Literal["reinforce"] = "reinforce"

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what makes no choices."""
        if learner.chooses:
            return None
        return _untrainable(learner) or f"learner '{learner.name}' draws no choices: use learner 'chosen_training'"


class NoEstimatorConfig(_Estimator):
    """No meta-training: for baselines, which have nothing to learn across tasks."""

    name: Literal["none"] = "none"

    def refuses(self, learner: type[Learner], config: Part) -> str | None:
        """Refuse what has a φ."""
        return f"learner '{learner.name}' has a φ that 'none' would never train" if learner.learns else None


EstimatorConfig = Annotated[
    BackpropagationConfig
    | EvolutionConfig
    | FirstOrderConfig
    | ImplicitConfig
    | NoEstimatorConfig
    | ReinforceConfig
    | ReptileConfig,
    Field(discriminator="name"),
]


def _untrainable(learner: type[Learner]) -> str | None:
    return None if learner.learns else f"learner '{learner.name}' has no φ to learn: use estimator 'none'"


def _without_gradient(learner: type[Learner]) -> str | None:
    if not learner.chooses:
        return None
    return f"learner '{learner.name}' makes choices, which have no gradient: use estimator 'reinforce' or 'evolution'"


def _not_all_moved(learner: type[Learner]) -> str | None:
    if learner.whole_start:
        return None
    return f"learner '{learner.name}' has entries of φ that its inner loop does not move: use learner 'maml'"


def _own_norm(config: Part) -> str | None:
    """Refuse normalisation that the inner loop leaves alone: the estimator would take it for moved."""
    if getattr(getattr(config, "network", None), "norm", None) != "per_step":
        return None
    return "norm 'per_step' has entries of φ that the inner loop does not move: use estimator 'backpropagation'"
