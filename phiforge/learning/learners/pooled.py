"""Pooled: one network trained on all training classes at once, then a new head for each task.

Chen et al. 2019, "A Closer Look at Few-shot Classification", section 3.2: "Baseline"; with ``cosine``, "Baseline++".
"""

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import descended, gradients_at
from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi, Predictor
from phiforge.learning.learners.bases.networked import EmbeddingLearner
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode


class PooledConfig(PartConfig):
    """Settings of pooled training and of fine-tuning."""

    name: Literal["pooled"] = "pooled"
    cosine: bool = Field(default=False, description="A head of cosines (Baseline++) instead of a linear one.")
    scale: float = Field(default=10.0, gt=0, description="Multiplies the cosines.")
    finetuning_lr: float = Field(default=0.1, gt=0, description="Step size of the new head.")
    finetuning_steps: int = Field(default=100, ge=1, le=10_000, description="Steps of the new head.")
    network: NetworkConfig = Conv4Config()


class Pooled(EmbeddingLearner):
    """φ is a network and a head over all training classes; F_φ keeps the network and trains a fresh head."""

    Config = PooledConfig
    any_n_way = True
    config: PooledConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return fresh parameters."""
        head = self._fresh_head(self.shape.train_classes, generator)
        return self.network.init(generator) | head

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network with a head trained on the support set by gradient descent."""
        features = self.network.features(phi, support_x, mode.at(0)).detach()
        head = {name: value.to(features) for name, value in self._fresh_head(self.shape.n_way, generator).items()}
        with torch.enable_grad():
            for _ in range(self.config.finetuning_steps):
                gradients = gradients_at(
                    lambda at: F.cross_entropy(self._logits(at, features), support_y), head, head, keep_graph=False
                )
                head = descended(head, gradients, self.config.finetuning_lr)
        return lambda query_x: self._logits(head, self.network.features(phi, query_x, mode.at(0)))

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return, in meta-training, the loss over all training classes, of support and query examples alike."""
        if not mode.training:
            return super().query_outcome(phi, episode, mode, generator)
        x = torch.cat([episode.support_x, episode.query_x])
        labels = episode.classes[torch.cat([episode.support_y, episode.query_y])]
        return self.outcome(self._logits(phi, self.network.features(phi, x, mode.at(0))), labels)

    def _fresh_head(self, classes: int, generator: Generator) -> Tensors:
        head = linear("head", self.network.feature_count, classes, generator)
        if self.config.cosine:
            del head["head.bias"]
        return head

    def _logits(self, parameters: Phi, features: Tensor) -> Tensor:
        if self.config.cosine:
            cosines = F.linear(F.normalize(features, dim=1), F.normalize(parameters["head.weight"], dim=1))
            return self.config.scale * cosines
        return F.linear(features, parameters["head.weight"], parameters["head.bias"])
