"""One wide layer: inputs, flattened, to ReLU units."""

import math
from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.networks.bases.network import Network, linear, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class WideConfig(PartConfig):
    """Settings of the layer."""

    name: Literal["wide"] = "wide"
    width: int = Field(default=64, ge=1, le=4096, description="Units.")


class Wide(Network):
    """relu(W x + b)."""

    Config = WideConfig
    transductive = False
    config: WideConfig

    @property
    def feature_count(self) -> int:  # type: ignore[override]
        """The width."""
        return self.config.width

    def init(self, generator: Generator) -> Tensors:
        """Return fresh ``wide.weight`` and ``wide.bias``."""
        return linear("wide", math.prod(self.input_shape), self.config.width, generator)

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map inputs ``x`` [n, ...] to units [n, width]."""
        with multiplying(x, self.bfloat16):
            units = F.relu(F.linear(x.flatten(1), parameters["wide.weight"], parameters["wide.bias"]))
        return units.to(x.dtype)
