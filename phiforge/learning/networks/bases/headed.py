"""A network with a linear head: the model whose parameters an inner loop trains."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.networks import NetworkConfig, build_network
from phiforge.learning.networks.bases.network import linear, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.tensors import Tensors
from phiforge.spec.task import Engine

HEAD = ("head.weight", "head.bias")


class Headed:
    """Inputs to outputs (logits, or the values of a regression), as pure functions of the parameters."""

    def __init__(
        self,
        config: NetworkConfig,
        input_shape: tuple[int, ...],
        outputs: int,
        inner_steps: int = 0,
        engine: Engine = "torch",
        bfloat16: bool = False,
    ) -> None:
        """Prepare for inputs of ``input_shape`` and ``outputs`` classes or values."""
        self.network = build_network(config, input_shape, inner_steps, engine, bfloat16)
        self.bfloat16 = bfloat16
        self.outputs_count = outputs
        self.transductive = self.network.transductive

    def adapts(self, name: str) -> bool:
        """Say whether an inner loop may change the parameter ``name``: the head's, and what the network lets it."""
        return self.network.adapts(name)

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: the network's, ``head.weight`` [outputs, features] and ``head.bias`` [outputs]."""
        return self.network.init(generator) | self.init_head(generator)

    def init_head(self, generator: Generator) -> Tensors:
        """Return a fresh head alone."""
        return linear("head", self.network.feature_count, self.outputs_count, generator)

    def outputs(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map inputs ``x`` [n, ...] to outputs [n, outputs]."""
        return self.head_outputs(parameters, self.network.features(parameters, x, at))

    def head_outputs(self, parameters: Mapping[str, Tensor], features: Tensor) -> Tensor:
        """Map the network's features [n, feature_count] to outputs [n, outputs]."""
        with multiplying(features, self.bfloat16):
            return F.linear(features, parameters["head.weight"], parameters["head.bias"]).to(features.dtype)
