"""Meta-Weight-Net: learn how much each support example counts (Shu et al. 2019, "Meta-Weight-Net", section 3).

V(ℓ; Θ) is a network of one hidden layer from an example's loss to a number in (0, 1) (section 3.2). From θ⁰, each inner
step on a support set of n examples is (equation 3, with the weights divided by their sum)

    θ^(t+1) = θ^t − α Σ_i w_i ∇ℓ_i(θ^t),    w_i = V(ℓ_i(θ^t); Θ) / Σ_j V(ℓ_j(θ^t); Θ),

where ∇ does not see the w_i. Θ and θ⁰ are φ, and move by the loss on the query sets of all training tasks; published is
one data set with one clean set beside it, whose Θ is learned along with its θ.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import GradientConfig, descended
from phiforge.learning.learners.bases.learned_start import LearnedStart
from phiforge.learning.learners.bases.learner import Mode, Phi
from phiforge.learning.learners.bases.weighted import Seen, WeightedLearner
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.tensors import Tensors, with_prefix

WEIGHTING = "weighting"


class MetaWeightNetConfig(GradientConfig):
    """Settings of Meta-Weight-Net. Losses say little before the first step, so that one step is too few."""

    name: Literal["meta_weight_net"] = "meta_weight_net"
    inner_lr: float = Field(default=0.1, gt=0, description="Step size of the inner loop.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Inner steps in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Inner steps on unseen tasks.")
    hidden: int = Field(default=100, ge=1, le=4096, description="Hidden units of V, from a loss to its weight.")


class MetaWeightNet(WeightedLearner, LearnedStart):
    """φ is θ⁰ under ``start/`` and Θ under ``weighting/``; at first V is the same for all, so that F_φ is MAML's.

    Example::

        learner = build_learner(MetaWeightNetConfig(), TaskShape(n_way=5, input_shape=(1, 28, 28)))
        phi = learner.init_phi(torch_generator("phi"))
        learner.weights_by_step(phi, support_x, support_y)  # in each step, [n_way * k_shot]
    """

    Config = MetaWeightNetConfig
    config: MetaWeightNetConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the model's fresh parameters, and a V whose last layer is nought: a half, whatever the loss."""
        phi = self.with_start(self.model.init(generator))
        hidden, output = (linear(name, *sizes, generator) for name, sizes in self._layers())
        nought = {name: torch.zeros_like(value) for name, value in output.items()}
        return phi | with_prefix(WEIGHTING, hidden | nought)

    def update(self, phi: Phi, theta: Tensors, gradients: Tensors, step: int) -> Tensors:
        """Return θ − inner_lr · Σ w_i ∇ℓ_i."""
        return descended(theta, gradients, self.config.inner_lr)

    def weights(self, phi: Phi, seen: Seen, mode: Mode) -> Tensor:
        """Return V(ℓ_i; Θ) / Σ_j V(ℓ_j; Θ): the softmax of ln V, which no small V can make a division by nought."""
        losses = seen.losses if mode.second_order else seen.losses.detach()
        return torch.softmax(F.logsigmoid(self._logits(phi, losses)), dim=0)

    def _logits(self, phi: Phi, losses: Tensor) -> Tensor:
        """Return the logit of V for each loss [n]."""
        x = losses[:, None]
        for name, _ in self._layers():
            layer = f"{WEIGHTING}/{name}"
            x = F.linear(x, phi[f"{layer}.weight"], phi[f"{layer}.bias"])
            x = F.relu(x) if name == "hidden" else x
        return x[:, 0]

    def _layers(self) -> tuple[tuple[str, tuple[int, int]], ...]:
        return (("hidden", (1, self.config.hidden)), ("output", (self.config.hidden, 1)))
