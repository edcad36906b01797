"""A multi-layer perceptron: the network of regression tasks (Finn et al. 2017, section 5.1)."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.networks.bases.network import Network, linear, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class MlpConfig(PartConfig):
    """Hidden layers of equal width with ReLU."""

    name: Literal["mlp"] = "mlp"
    width: int = Field(default=40, ge=1, le=4096, description="Units of each hidden layer.")
    layers: int = Field(default=2, ge=1, le=16, description="Hidden layers.")


class Mlp(Network):
    """The hidden layers as pure functions of their parameters; inputs are flattened, a head comes on top."""

    Config = MlpConfig
    perturbed = True
    transductive = False
    config: MlpConfig

    @property
    def feature_count(self) -> int:  # type: ignore[override]
        """The width of the last hidden layer."""
        return self.config.width

    def perturbed_layers(self) -> tuple[str, ...]:
        """Return the hidden layers."""
        return tuple(f"layer{layer}" for layer in range(self.config.layers))

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: ``layer0.weight``, ``layer0.bias``, ..."""
        parameters: Tensors = {}
        for layer in range(self.config.layers):
            inputs = self.config.width if layer else math.prod(self.input_shape)
            parameters |= linear(f"layer{layer}", inputs, self.config.width, generator)
        return parameters

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map inputs ``x`` [n, ...] to the last hidden layer [n, width]."""
        given, x = x.dtype, x.flatten(1)
        with multiplying(x, self.bfloat16):
            for layer in range(self.config.layers):
                name, again = f"layer{layer}", partial(F.linear, x)
                put_out = again(parameters[f"{name}.weight"], parameters[f"{name}.bias"])
                x = F.relu(at.perturbed(name, put_out, again))
        return x.to(given)
