"""What learners that compare have in common: an embedding, and how sets of embeddings are looked at."""

from abc import abstractmethod

import torch
from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Mode, Phi, Predictor
from phiforge.learning.learners.bases.networked import EmbeddingLearner
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig


class MetricConfig(PartConfig):
    """What every embedding has."""

    network: NetworkConfig = Conv4Config()


class MetricLearner(EmbeddingLearner):
    """φ embeds inputs, and holds what else the comparison needs; F_φ keeps the support set's embeddings."""

    any_n_way = True
    mapped = True
    config: MetricConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters."""
        return self.network.init(generator)

    @abstractmethod
    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return logits [m, n_way] of features ``query`` [m, d] given features ``support`` [n, d] with ``labels``."""

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the classifier that compares queries to the support set."""
        support = self.network.features(phi, support_x, mode.at(0, "support"))
        return lambda query_x: self.compare(phi, support, support_y, self.network.features(phi, query_x, mode.at(0)))


def membership(labels: Tensor, n_way: int) -> Tensor:
    """Return truth values [n, n_way]: which of the classes each label [n] is.

    ``F.one_hot`` looks at the labels to check them, which function transforms do not let it.
    """
    return labels[:, None] == torch.arange(n_way, device=labels.device)


def class_means(features: Tensor, labels: Tensor, n_way: int) -> Tensor:
    """Return the mean [n_way, features] of the rows of ``features`` [n, features] of each label [n]."""
    members = membership(labels, n_way).to(features.dtype)
    return (members.T @ features) / members.sum(dim=0)[:, None]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared Euclidean distances [n, m] between the rows of ``x`` [n, d] and ``y`` [m, d]."""
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=2)


def largest_of_class(scores: Tensor, labels: Tensor, n_way: int) -> Tensor:
    """Return the largest [m, n_way] of ``scores`` [m, n] over the columns of each label [n]."""
    largest = scores.new_full((len(scores), n_way), float("-inf"))
    return largest.scatter_reduce(1, labels.expand(len(scores), -1), scores, reduce="amax")
