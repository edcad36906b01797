"""Gradient descent with heavy-ball momentum (Polyak 1964); momentum 0 is plain descent."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from torch import Tensor

from phiforge.learning.optimizers.bases.optimizer import Direction, Optimizer
from phiforge.registry import PartConfig


class SgdConfig(PartConfig):
    """Settings of gradient descent."""

    name: Literal["sgd"] = "sgd"
    momentum: float = Field(default=0.0, ge=0, lt=1)


class Sgd(Optimizer):
    """Moves by the gradient plus a share of how it moved before."""

    Config = SgdConfig
    slots = ("momentum",)
    config: SgdConfig

    def direction(self, gradient: Tensor, kept: Mapping[str, Tensor], updates: int) -> Direction:
        """Return the momentum after this gradient, which is also what is kept."""
        momentum = self.config.momentum * kept["momentum"] + gradient
        return Direction(momentum, {"momentum": momentum})
