"""LEO: adapt a low-dimensional code from which a classifier's weights are decoded.

Rusu et al. 2019, "Meta-Learning with Latent Embedding Optimization", algorithm 1. Unlike there, the embedding
of images is learned with the rest instead of beforehand, one draw of the decoder's noise serves a whole task, and the
penalties on weights (λ₁, λ₂ of equation 6) are left out.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.gradient import Loss, gradients_at
from phiforge.learning.learners.bases.learner import Mode, Outcome, Phi, Predictor
from phiforge.learning.learners.bases.networked import EmbeddingLearner
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.network import linear, uniform
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.tasks.episodes import Episode


class LeoConfig(PartConfig):
    """Settings of LEO."""

    name: Literal["leo"] = "leo"
    latent: int = Field(default=32, ge=1, le=1024, description="Size of a class's code z.")
    latent_lr: float = Field(
        default=0.1,
        gt=0,
        description="What the learned step size in z starts from; 1 as published, on a trained embedding.",
    )
    latent_steps: int = Field(default=5, ge=1, le=100, description="Steps in z.")
    finetuning_lr: float = Field(default=1e-3, gt=0, description="What that in the weights starts from.")
    finetuning_steps: int = Field(default=5, ge=0, le=100, description="Steps in the decoded weights.")
    kl_weight: float = Field(default=1e-3, ge=0, description="β: how much the code's divergence from N(0, 1) costs.")
    encoder_weight: float = Field(default=1e-2, ge=0, description="γ: how far the adapted code may be from the first.")
    network: NetworkConfig = Conv4Config()


class _Code(NamedTuple):
    """A task's codes z [n_way, latent] as encoded and as adapted, with their divergence, and the weights they give."""

    first: Tensor
    adapted: Tensor
    divergence: Tensor
    weights: Tensor


class Leo(EmbeddingLearner):
    """φ is the embedding, an encoder with a relation network, a decoder, and two step sizes (as their logarithms)."""

    Config = LeoConfig
    inner_gradient = True
    any_n_way = True
    config: LeoConfig

    @classmethod
    def without_constants(cls, config: LeoConfig) -> LeoConfig:
        """Leave out the encoder's penalty, which takes the adapted code as constant."""
        return config.model_copy(update={"encoder_weight": 0.0})

    def init_phi(self, generator: Generator) -> Tensors:
        """Return fresh parameters."""
        features, latent = self.network.feature_count, self.config.latent
        codec = {"encoder.weight": uniform((latent, features), features, generator)}
        for layer in range(2):
            codec |= linear(f"relation{layer}", 2 * latent, 2 * latent, generator)
        codec |= linear("relation2", 2 * latent, 2 * latent, generator)
        codec["decoder.weight"] = uniform((2 * features, latent), latent, generator)
        rates = {"latent": self.config.latent_lr, "finetuning": self.config.finetuning_lr}
        logs = {f"log_rate.{name}": torch.tensor(rate).log() for name, rate in rates.items()}
        return self.network.init(generator) | codec | logs

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the linear classifier of features whose weights were decoded and fine-tuned."""
        code = self._code(phi, support_x, support_y, mode, generator)
        return lambda query_x: self.network.features(phi, query_x, mode.at(0)) @ code.weights.T

    def query_outcome(self, phi: Phi, episode: Episode, mode: Mode, generator: Generator) -> Outcome:
        """Return the query loss, in meta-training with the divergence and the encoder's penalty (equation 6)."""
        code = self._code(phi, episode.support_x, episode.support_y, mode, generator)
        logits = self.network.features(phi, episode.query_x, mode.at(0)) @ code.weights.T
        loss = F.cross_entropy(logits, episode.query_y)
        if mode.training:
            penalty = (code.adapted.detach() - code.first).square().sum(dim=1).mean()
            loss = loss + self.config.kl_weight * code.divergence + self.config.encoder_weight * penalty
        return self.outcome(logits, episode.query_y, loss)

    def _code(self, phi: Phi, x: Tensor, y: Tensor, mode: Mode, generator: Generator) -> _Code:
        with torch.enable_grad():
            features = self.network.features(phi, x, mode.at(0, "support"))
            mean, log_scale = self._encode(phi, features, y).chunk(2, dim=1)
            noise = torch.randn(mean.shape, generator=generator).to(mean) if mode.training else torch.zeros_like(mean)
            decoder_noise = torch.randn((self.shape.n_way, self.network.feature_count), generator=generator).to(mean)
            decoder_noise = decoder_noise if mode.training else torch.zeros_like(decoder_noise)
            first = mean + log_scale.exp() * noise
            divergence = 0.5 * ((2 * log_scale).exp() + mean.square() - 1 - 2 * log_scale).sum(dim=1).mean()

            def loss(at: Mapping[str, Tensor]) -> Tensor:
                return F.cross_entropy(features @ _decode(phi, at["z"], decoder_noise).T, y)

            z = _descend(loss, "z", first, phi["log_rate.latent"].exp(), self.config.latent_steps, mode)
            weights = _decode(phi, z, decoder_noise)
            weights = _descend(
                lambda at: F.cross_entropy(features @ at["w"].T, y),
                "w",
                weights,
                phi["log_rate.finetuning"].exp(),
                self.config.finetuning_steps,
                mode,
            )
        return _Code(first, z, divergence, weights)

    def _encode(self, phi: Phi, features: Tensor, y: Tensor) -> Tensor:
        """Return [n_way, 2 * latent]: of each class the mean over pairs with every example (equation 3)."""
        codes = F.linear(features, phi["encoder.weight"])
        pairs = torch.cat([codes[:, None].expand(-1, len(codes), -1), codes[None].expand(len(codes), -1, -1)], dim=2)
        for layer in range(3):
            pairs = F.linear(pairs, phi[f"relation{layer}.weight"], phi[f"relation{layer}.bias"])
            pairs = F.relu(pairs) if layer < 2 else pairs
        members = F.one_hot(y, self.shape.n_way).to(features)
        return (members.T @ pairs.mean(dim=1)) / members.sum(dim=0)[:, None]


def _decode(phi: Phi, z: Tensor, noise: Tensor) -> Tensor:
    """Return the classifier's weights [n_way, features] of codes ``z`` (equation 4).

    The noise begins at the scale of a fresh layer's weights, as in the paper's code: exp(0) stands for that scale.
    """
    mean, log_scale = F.linear(z, phi["decoder.weight"]).chunk(2, dim=1)
    fresh = math.sqrt(2 / (mean.shape[1] + z.shape[1]))
    return mean + (log_scale.exp() - (1 - fresh)).clamp(min=1e-10) * noise


def _descend(loss: Loss, name: str, start: Tensor, rate: Tensor, steps: int, mode: Mode) -> Tensor:
    """Return ``start`` after ``steps`` steps down ``loss`` (equation 5)."""
    at = {name: start}
    for _ in range(steps):
        gradients = gradients_at(loss, at, at, keep_graph=mode.second_order)
        at = {name: at[name] - rate * gradients[name]}
    return at[name]
