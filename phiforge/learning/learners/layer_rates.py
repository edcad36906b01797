"""Learned inner hyper-parameters: a rate and a weight decay for each layer, beside the initial parameters.

The rates of each layer are those of "ALFA without its generator" (Baik et al. 2020, equation 3, with α and β constant),
or of a per-layer Meta-SGD; both hyper-parameters are plain numbers in φ.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Generator

from phiforge.learning.learners.bases.gradient import GradientConfig
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.tensors import Tensors


class LayerRatesConfig(GradientConfig):
    """Settings of the learned inner hyper-parameters; ``inner_lr`` is what every rate starts from."""

    name: Literal["layer_rates"] = "layer_rates"
    weight_decay: float = Field(default=0.0, ge=0, description="What every weight decay starts from.")


class LayerRates(LearnedStart):
    """φ is θ⁰ under ``start/``, α_l under ``rates/`` and λ_l under ``decays/``: θ_l − α_l (∇θ_l + λ_l θ_l)."""

    Config = LayerRatesConfig
    config: LayerRatesConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the model's fresh parameters, and equal rates and decays, a scalar of each for each layer."""
        parameters = self.model.init(generator)
        layers = sorted({layer_of(name) for name in parameters if self.moves(name)})
        rates = {f"rates/{layer}": torch.tensor(self.config.inner_lr) for layer in layers}
        decays = {f"decays/{layer}": torch.tensor(self.config.weight_decay) for layer in layers}
        return self.with_start(parameters) | rates | decays

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ_l − α_l (∇θ_l + λ_l θ_l)."""
        moved = {}
        for name, slope in gradients.items():
            rate, decay = phi[f"rates/{layer_of(name)}"], phi[f"decays/{layer_of(name)}"]
            moved[name] = theta[name] - rate * (slope + decay * theta[name])
        return moved


def layer_of(name: str) -> str:
    """Return the layer of a parameter: ``conv0`` of ``conv0.weight``."""
    return name.rpartition(".")[0]
