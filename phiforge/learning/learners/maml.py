"""MAML: learn the initial parameters (Finn, Abbeel and Levine 2017, "Model-Agnostic Meta-Learning", algorithm 2)."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Generator

from phiforge.learning.learners.bases.gradient import GradientConfig, GradientLearner, descended
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class MamlConfig(GradientConfig):
    """Settings of MAML."""

    name: Literal["maml"] = "maml"
    proximal: float = Field(
        default=0.0, ge=0, description="λ of iMAML's pull λ/2 · |θ − φ|² in the inner loss; for estimator 'implicit'."
    )


class Maml(GradientLearner):
    """φ is the initial θ⁰ of a network with a linear head; F_φ takes gradient steps from it on the support set."""

    Config: ClassVar[type[PartConfig]] = MamlConfig
    whole_start = True

    @classmethod
    def pull(cls, config: PartConfig) -> float | None:
        """Return λ of iMAML's pull; learners that derive from this one have none."""
        return getattr(config, "proximal", None)

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the network's and the head's fresh parameters."""
        return self.model.init(generator)

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − inner_lr · (∇θ + λ (θ − φ)) (with λ: Rajeswaran et al. 2019, equation 4)."""
        if pull := self.pull(self.config):
            gradients = {name: slope + pull * (theta[name] - phi[name]) for name, slope in gradients.items()}
        return descended(theta, gradients, self.config.inner_lr)
