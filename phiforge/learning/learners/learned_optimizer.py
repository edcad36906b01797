"""A learned optimiser: an LSTM, the same for each coordinate, turns gradients into updates.

Andrychowicz et al. 2016, "Learning to learn by gradient descent by gradient descent": two layers (section 2.1),
gradients preprocessed (appendix A). F_φ starts from a fresh initialisation, as there, or from a learned one.
"""

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.coordinatewise import OPTIMIZER, CoordinatewiseLearner, Slope, preprocess
from phiforge.learning.learners.bases.gradient import InnerLoopConfig
from phiforge.learning.learners.bases.learner import Mode, Phi
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.learning.networks.bases.network import linear
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors, with_prefix

LAYERS = 2


class LearnedOptimizerConfig(InnerLoopConfig):
    """Settings of the learned optimiser; ``inner_lr`` scales what the LSTM puts out."""

    name: Literal["learned_optimizer"] = "learned_optimizer"
    inner_lr: float = Field(default=0.1, gt=0, description="Scale of the updates.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Updates in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Updates on unseen tasks.")
    units: int = Field(default=20, ge=1, le=256, description="Hidden units of each LSTM layer.")
    learn_start: bool = Field(default=True, description="Learn θ⁰ too; else draw it afresh for each task.")
    network: NetworkConfig = Conv4Config(channels=16)


class LearnedOptimizer(CoordinatewiseLearner[list[LstmState]]):
    """φ is the LSTM under ``optimizer/`` and, if it is learned, θ⁰ under ``start/``."""

    Config = LearnedOptimizerConfig
    config: LearnedOptimizerConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return a fresh LSTM, and the model's fresh parameters if they are learned."""
        units = self.config.units
        start = with_prefix(START, self.model.init(generator)) if self.config.learn_start else {}
        rule: Tensors = {}
        for layer in range(LAYERS):
            rule |= init_lstm(f"lstm{layer}", units if layer else 2, units, generator)
        return start | with_prefix(OPTIMIZER, rule | linear("out", units, 1, generator))

    def start(self, phi: Phi, like: Tensor, mode: Mode, generator: Generator) -> Tensors:
        """Return the learned θ⁰, or a fresh one."""
        if self.config.learn_start:
            return super().start(phi, like, mode, generator)
        fresh = self.model.init(generator)
        return {name: value.to(like).requires_grad_(mode.second_order) for name, value in fresh.items()}

    def fresh_memory(self, value: Tensor) -> list[LstmState]:
        """Return each layer's state before the first gradient."""
        return [zero_state(value.reshape(-1, 1), self.config.units)] * LAYERS

    def updated(
        self, rule: Mapping[str, Tensor], value: Tensor, slope: Slope, memory: list[LstmState]
    ) -> tuple[Tensor, list[LstmState]]:
        """Return θ + inner_lr · g, g being what the LSTM makes of the gradient (equation 2), and its states."""
        x, after = preprocess(slope.gradient), []
        for layer, state in enumerate(memory):
            after.append(lstm_cell(rule, f"lstm{layer}", x, state))
            x = after[-1].hidden
        change = F.linear(x, rule["out.weight"], rule["out.bias"]).reshape(value.shape)
        return value + self.config.inner_lr * change, after
