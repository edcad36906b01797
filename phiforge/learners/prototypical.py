"""Prototypical networks: learn to compare (Snell, Swersky and Zemel 2017, equations 1 and 2)."""

from typing import Literal

import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learners.base import Learner, Mode, Phi, Predictor, TaskShape
from phiforge.networks.conv4 import Conv4, Conv4Config
from phiforge.spec.part import Part
from phiforge.tensors import Tensors


class PrototypicalConfig(Part):
    """Settings of the prototypical network."""

    name: Literal["prototypical"] = "prototypical"
    network: Conv4Config = Conv4Config()


class Prototypical(Learner):
    """φ embeds images; F_φ averages each class's support embeddings into the prototype that queries are compared to."""

    name = "prototypical"
    any_n_way = True
    config: PrototypicalConfig

    def __init__(self, config: PrototypicalConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        self.network = Conv4(config.network, shape.image_shape)

    @property
    def transductive(self) -> bool:
        """As its network's normalisation."""
        return self.network.transductive

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters."""
        return self.network.init(generator)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the classifier whose logits are minus the squared distances to the prototypes."""
        prototypes = class_means(self.network.features(phi, support_x), support_y, self.shape.n_way)
        return lambda query_x: -squared_distances(self.network.features(phi, query_x), prototypes)


def class_means(features: Tensor, labels: Tensor, n_way: int) -> Tensor:
    """Return the mean [n_way, features] of the rows of ``features`` [n, features] of each label [n]."""
    members = F.one_hot(labels, n_way).to(features.dtype)
    return (members.T @ features) / members.sum(dim=0)[:, None]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances [n, m] between the rows of ``x`` [n, d] and ``y`` [m, d]."""
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=2)
