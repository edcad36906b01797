"""A network with a linear head: the model whose parameters an inner loop trains."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.networks.conv4 import Conv4, Conv4Config, uniform
from phiforge.tensors import Tensors


class Classifier:
    """Images to logits, as pure functions of the parameters."""

    def __init__(self, config: Conv4Config, image_shape: tuple[int, int, int], n_way: int) -> None:
        """Prepare for images of ``image_shape`` = (channels, height, width) and ``n_way`` classes."""
        self.network = Conv4(config, image_shape)
        self.n_way = n_way
        self.transductive = self.network.transductive

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: the network's, ``head.weight`` [n_way, features] and ``head.bias`` [n_way]."""
        features = self.network.feature_count
        parameters = self.network.init(generator)
        parameters["head.weight"] = uniform((self.n_way, features), features, generator)
        parameters["head.bias"] = uniform((self.n_way,), features, generator)
        return parameters

    def logits(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to logits [n, n_way]."""
        features = self.network.features(parameters, x)
        return F.linear(features, parameters["head.weight"], parameters["head.bias"])

    def loss(self, parameters: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Return the mean cross-entropy of images ``x`` [n, ...] with labels ``y`` [n]."""
        return F.cross_entropy(self.logits(parameters, x), y)
