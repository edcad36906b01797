"""Prototypical networks: learn to compare (Snell, Swersky and Zemel 2017, equations 1 and 2)."""

from typing import ClassVar, Literal

from torch import Tensor

from phiforge.learning.learners.bases.learner import Phi
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, class_means, squared_distances
from phiforge.registry import PartConfig


class PrototypicalConfig(MetricConfig):
    """Settings of the prototypical network."""

    name: Literal["prototypical"] = "prototypical"


class Prototypical(MetricLearner):
    """φ embeds images; F_φ averages each class's support embeddings into the prototype that queries are compared to."""

    Config: ClassVar[type[PartConfig]] = PrototypicalConfig

    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return minus the squared distances to the prototypes."""
        return -squared_distances(query, class_means(support, labels, self.shape.n_way))
