"""Nearest class means under a learned diagonal metric."""

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from phiforge.certify.proof import Figure, Proof
from phiforge.learning.generators import torch_generator
from phiforge.learning.learners import TaskShape
from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, class_means, squared_distances
from phiforge.learning.tensors import Tensors


class DiagonalMeansConfig(MetricConfig):
    """Settings of the metric."""

    name: Literal["diagonal_means"] = "diagonal_means"
    weight: float = Field(default=1.0, gt=0, description="What the weight of every feature starts from.")


class DiagonalMeans(MetricLearner):
    """φ embeds inputs and weighs their features; F_φ compares queries with the means of classes."""

    Config = DiagonalMeansConfig
    config: DiagonalMeansConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters, and the logarithms of equal weights."""
        weights = torch.full((self.network.feature_count,), self.config.weight)
        return super().init_phi(generator) | {"log_weights": weights.log()}

    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return minus the weighted squared distances to the means."""
        root = (phi["log_weights"] / 2).exp()
        return -squared_distances(query * root, class_means(support, labels, self.shape.n_way) * root)

    @classmethod
    def proofs(cls) -> Iterable[Proof]:
        """Show that the metric is one: a feature that weighs more counts for more."""
        return [Proof("a heavier feature counts for more", _heavier)]


def _heavier() -> Figure:
    learner = DiagonalMeans(DiagonalMeansConfig(), TaskShape(n_way=2, input_shape=(1, 16, 16)))
    phi = learner.init_phi(torch_generator("phi"))
    support, query = torch.zeros(2, len(phi["log_weights"])), torch.ones(1, len(phi["log_weights"]))
    light, heavy = (
        learner.compare(phi | {"log_weights": phi["log_weights"] + more}, support, torch.arange(2), query)
        for more in (0.0, 1.0)
    )
    return Figure(float((light - heavy).min()), 0.0, above=True)
