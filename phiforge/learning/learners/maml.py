"""MAML: learn the initial parameters (Finn, Abbeel and Levine 2017, "Model-Agnostic Meta-Learning", algorithm 2)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Generator

from phiforge.learning.learners.bases.gradient import GradientConfig, GradientLearner, descended
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.section import Since


class MamlConfig(GradientConfig):
    """Settings of MAML."""

    name: Literal["maml"] = "maml"
    proximal: float = Field(
        default=0.0, ge=0, description="λ of iMAML's pull λ/2 · |θ − φ|² in the inner loss; for estimator 'implicit'."
    )
    pull_back: Annotated[Literal["every_step", "at_the_end"], Since(2, absent="every_step")] = Field(
        default="every_step",
        description="When that pull acts: in every inner step, or, as in iMAML's code, as one step after the others.",
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
        pull = self.pull(self.config)
        if pull and not _at_the_end(self.config):
            gradients = {name: slope + pull * (theta[name] - phi[name]) for name, slope in gradients.items()}
        return descended(theta, gradients, self.config.inner_lr)

    def ended(self, start: Tensors, theta: Tensors) -> Tensors:
        """Return θ − inner_lr · λ (θ − φ) if the pull waits for the end, else θ."""
        pull = self.pull(self.config)
        if not pull or not _at_the_end(self.config):
            return theta
        share = self.config.inner_lr * pull
        pulled = {name: value - share * (value - start[name]) for name, value in theta.items() if self.moves(name)}
        return theta | pulled


def _at_the_end(config: PartConfig) -> bool:
    return getattr(config, "pull_back", "every_step") == "at_the_end"
