"""Meta-SGD: learn the initial parameters and a rate for each (Li et al. 2017, "Meta-SGD", equation 3)."""

from typing import Literal

import torch
from torch import Generator

from phiforge.learning.learners.bases.gradient import GradientConfig
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.tensors import Tensors, with_prefix


class MetaSgdConfig(GradientConfig):
    """Settings of Meta-SGD; ``inner_lr`` is what every rate starts from (the paper draws them from 0.005 to 0.1)."""

    name: Literal["meta_sgd"] = "meta_sgd"


class MetaSgd(LearnedStart):
    """φ is θ⁰ under ``start/`` and α, of the same shapes, under ``rates/``; a step is θ − α ∘ ∇θ."""

    Config = MetaSgdConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the model's fresh parameters, and rates all equal."""
        parameters = self.model.init(generator)
        rates = {
            name: torch.full_like(value, self.config.inner_lr) for name, value in parameters.items() if self.moves(name)
        }
        return self.with_start(parameters) | with_prefix("rates", rates)

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − α ∘ ∇θ."""
        return {name: theta[name] - phi[f"rates/{name}"] * slope for name, slope in gradients.items()}
