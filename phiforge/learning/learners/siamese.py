"""Siamese networks: learn whether two images are of one class (Koch, Zemel and Salakhutdinov 2015, section 3).

The paper trains on pairs drawn half from one class, half from two; here on all pairs of a query and a support example,
with either kind weighing a half.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi
from phiforge.learning.learners.bases.metric import MetricConfig, MetricLearner, largest_of_class
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.tensors import Tensors
from phiforge.tasks.episodes import Episode


class SiameseConfig(MetricConfig):
    """Settings of the siamese network."""

    name: Literal["siamese"] = "siamese"


class Siamese(MetricLearner):
    """φ embeds images and weighs the differences of features; a query gets the class of the likeliest pair."""

    Config = SiameseConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return the embedding's fresh parameters and the weights of the differences."""
        return super().init_phi(generator) | linear("pair", self.network.feature_count, 1, generator)

    def compare(self, phi: Phi, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
        """Return the largest pair logit of each class."""
        return largest_of_class(pair_logits(phi, query, support), labels, self.shape.n_way)

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return the binary cross-entropy over pairs of query and support (equation 1, without its penalty)."""
        support = self.network.features(phi, episode.support_x, mode.at(0, "support"))
        logits = pair_logits(phi, self.network.features(phi, episode.query_x, mode.at(0)), support)
        same = episode.query_y[:, None] == episode.support_y[None, :]
        loss = 0.5 * (mean_where(same, F.softplus(-logits)) + mean_where(~same, F.softplus(logits)))
        by_class = largest_of_class(logits, episode.support_y, self.shape.n_way)
        return self.outcome(by_class, episode.query_y, loss)


def mean_where(chosen: Tensor, values: Tensor) -> Tensor:
    """Return the mean of those of ``values`` that are ``chosen``: a sum over all, whose shape no value decides."""
    return torch.where(chosen, values, 0).sum() / chosen.sum()


def pair_logits(phi: Phi, x: Tensor, y: Tensor) -> Tensor:
    """Return [n, m]: the logit that rows of ``x`` [n, d] and ``y`` [m, d] are of one class, Σ α_j |x_j − y_j| + b."""
    differences = (x[:, None, :] - y[None, :, :]).abs()
    return F.linear(differences, phi["pair.weight"], phi["pair.bias"]).squeeze(2)
