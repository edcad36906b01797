"""R2-D2: a ridge regression as the head, in closed form.

Bertinetto et al. 2019, "Meta-learning with differentiable closed-form solvers", section 3.2.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, membership
from phiforge.learning.tensors import Tensors


class R2d2Config(MetricConfig):
    """Settings of R2-D2."""

    name: Literal["r2d2"] = "r2d2"
    penalty: float = Field(default=1.0, gt=0, description="What the learned λ of the ridge starts from.")
    scale: float = Field(default=1.0, gt=0, description="What the learned multiplier of predictions starts from.")


class R2d2(MetricLearner):
    """φ embeds images and holds ln λ, and the scale and shift that make predictions into logits (equation 6)."""

    Config = R2d2Config
    capturable = False  # whether its equations can be solved is looked at
    config: R2d2Config

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters, and the three scalars."""
        scalars = {
            "log_penalty": torch.tensor(self.config.penalty).log(),
            "scale": torch.tensor(self.config.scale),
            "shift": torch.tensor(0.0),
        }
        return super().init_phi(generator) | scalars

    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return the scaled predictions of the ridge regression from support features to one-hot labels."""
        targets = membership(labels, self.shape.n_way).to(support)
        weights = ridge(support, targets, phi["log_penalty"].exp())
        return phi["scale"] * (query @ weights) + phi["shift"]


def ridge(x: Tensor, y: Tensor, penalty: Tensor) -> Tensor:
    """Return W [d, k] = Xᵀ (X Xᵀ + λ I)⁻¹ Y (equation 5), for ``x`` [n, d] with n < d, ``y`` [n, k]."""
    gram = x @ x.T + penalty * torch.eye(len(x), dtype=x.dtype, device=x.device)
    solved: Tensor = torch.linalg.solve(gram, y)
    return x.T @ solved
