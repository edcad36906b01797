"""Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2)."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from torch import Tensor

from phiforge.learning.optimizers.bases.optimizer import Direction, Optimizer
from phiforge.registry import PartConfig


class LionConfig(PartConfig):
    """Settings of Lion."""

    name: Literal["lion"] = "lion"
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)


class Lion(Optimizer):
    """Moves by the sign of a mix of gradient and momentum."""

    Config = LionConfig
    slots = ("momentum",)
    config: LionConfig

    def direction(self, gradient: Tensor, kept: Mapping[str, Tensor], updates: int) -> Direction:
        """Return sgn(β₁ m + (1 − β₁) g), and the momentum after this gradient."""
        beta1, beta2, momentum = self.config.beta1, self.config.beta2, kept["momentum"]
        step = (beta1 * momentum + (1 - beta1) * gradient).sign()
        return Direction(step, {"momentum": beta2 * momentum + (1 - beta2) * gradient})
