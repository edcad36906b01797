"""Relation networks: learn the comparison itself (Sung et al. 2018, "Learning to Compare", section 3 and figure 2)."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.base.errors import RegistryError
from phiforge.learning.learners.bases.learner import Learner, Mode, Outcome, Phi, Predictor, TaskShape
from phiforge.learning.learners.bases.metric import class_means, membership
from phiforge.learning.networks import build_network
from phiforge.learning.networks.bases.network import MapNetwork, linear, multiplying, uniform
from phiforge.learning.networks.bases.normalisation import Pass, init_norm, normalise
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import NETWORKS, PartConfig, PartOf
from phiforge.tasks.episodes import Episode

BLOCKS = 2


class RelationConfig(PartConfig):
    """Settings of the relation network; its embedding keeps maps, so only its first blocks pool."""

    name: Literal["relation"] = "relation"
    hidden: int = Field(default=8, ge=1, le=1024, description="Units between the maps and the relation score.")
    network: Annotated[PartConfig, PartOf(NETWORKS, able="maps", default="conv4")] = Conv4Config(pools=2)


class Relation(Learner):
    """φ is an embedding and a relation module: two convolutional blocks and two linear layers over pairs of maps."""

    Config = RelationConfig
    any_n_way = True
    mapped = True
    config: RelationConfig

    def __init__(self, config: RelationConfig, shape: TaskShape) -> None:
        super().__init__(config, shape)
        network = build_network(config.network, shape.input_shape, engine=shape.engine, bfloat16=shape.bfloat16)
        if not isinstance(network, MapNetwork):
            raise RegistryError(f"network '{config.network.name}' has no maps to relate, though its class says so")
        self.network = network

    @property
    def transductive(self) -> bool:
        """As its networks' normalisation."""
        return self.network.transductive

    def init_phi(self, generator: Generator) -> Tensors:
        """Return fresh parameters of the embedding and the relation module."""
        channels, height, width = self.network.map_shape
        phi, inputs = self.network.init(generator), 2 * channels
        for block in range(BLOCKS):
            phi[f"relation{block}.weight"] = uniform((channels, inputs, 3, 3), 9 * inputs, generator)
            phi[f"relation{block}.bias"] = uniform((channels,), 9 * inputs, generator)
            phi |= init_norm(self.network.norm, f"relation_norm{block}", channels, 0)
            inputs, height, width = channels, _pooled(height), _pooled(width)
        phi |= linear("hidden", channels * height * width, self.config.hidden, generator)
        return phi | linear("score", self.config.hidden, 1, generator)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the classifier whose outputs [n, n_way] are relation scores in (0, 1) to each class's mean map."""
        maps = self.network.feature_map(phi, support_x, mode.at(0, "support"))
        means = class_means(maps.flatten(1), support_y, self.shape.n_way).reshape(-1, *self.network.map_shape)
        return lambda query_x: self._relate(phi, means, self.network.feature_map(phi, query_x, mode.at(0)), mode.at(0))

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return the mean squared error of the scores to 1 for the right class and 0 for others (equation 2)."""
        scores = self.adapt(phi, episode.support_x, episode.support_y, mode, generator)(episode.query_x)
        wanted = membership(episode.query_y, self.shape.n_way).to(scores)
        return self.outcome(scores, episode.query_y, F.mse_loss(scores, wanted))

    def _relate(self, phi: Phi, means: Tensor, maps: Tensor, at: Pass) -> Tensor:
        pairs = torch.cat(
            [
                means[None].expand(len(maps), -1, -1, -1, -1),
                maps[:, None].expand(-1, len(means), -1, -1, -1),
            ],
            dim=2,
        ).flatten(0, 1)
        with multiplying(pairs, self.shape.bfloat16):
            for block in range(BLOCKS):
                pairs = self.network.convolve(pairs, phi[f"relation{block}.weight"], phi[f"relation{block}.bias"])
                pairs = normalise(
                    self.network.norm, pairs, phi, f"relation_norm{block}", at, explicit=self.network.transformed
                )
                pairs = F.relu(self.network.pool(pairs, ceil_mode=True))
            hidden = F.relu(F.linear(pairs.flatten(1), phi["hidden.weight"], phi["hidden.bias"]))
            scores = F.linear(hidden, phi["score.weight"], phi["score.bias"]).to(maps.dtype)
        return scores.sigmoid().reshape(len(maps), len(means))


def _pooled(side: int) -> int:
    return -(-side // 2)
