"""Adam (Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1)."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from torch import Tensor

from phiforge.learning.optimizers.bases.optimizer import Direction, Optimizer
from phiforge.registry import PartConfig


class AdamConfig(PartConfig):
    """Settings of Adam."""

    name: Literal["adam"] = "adam"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)


class Adam(Optimizer):
    """Moves by the mean of past gradients over the root of the mean of their squares, both corrected for their bias."""

    Config = AdamConfig
    slots = ("mean", "square")
    counts_updates = True
    config: AdamConfig

    def direction(self, gradient: Tensor, kept: Mapping[str, Tensor], updates: int) -> Direction:
        """Return m̂ / (√v̂ + ε), and m and v."""
        beta1, beta2 = self.config.beta1, self.config.beta2
        mean = (beta1 * kept["mean"]).add_((1 - beta1) * gradient)
        square = (beta2 * kept["square"]).add_((1 - beta2) * gradient.square())
        mean_scale, square_scale = 1 - beta1**updates, 1 - beta2**updates
        step = (mean / mean_scale).div_((square / square_scale).sqrt_().add_(self.config.epsilon))
        return Direction(step, {"mean": mean, "square": square})
