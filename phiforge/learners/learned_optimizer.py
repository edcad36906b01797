"""A learned optimiser: an LSTM, the same for each coordinate, turns gradients into updates.

Andrychowicz et al. 2016, "Learning to learn by gradient descent by gradient descent": two layers (section 2.1),
gradients preprocessed (appendix A). F_φ starts from a fresh initialisation, as there, or from a learned one.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learners.base import Mode, Phi, Predictor, task_loss
from phiforge.learners.gradient import InnerLoopConfig, gradients_at
from phiforge.learners.learned_start import START
from phiforge.learners.networked import ModelLearner
from phiforge.networks import Conv4Config, NetworkConfig
from phiforge.networks.base import linear
from phiforge.networks.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.tensors import Tensors, with_prefix, without_prefix

LAYERS = 2
_P = 10.0
"""p of the preprocessing: gradients below e^-p count as small."""


class LearnedOptimizerConfig(InnerLoopConfig):
    """Settings of the learned optimiser; ``inner_lr`` scales what the LSTM puts out."""

    name: Literal["learned_optimizer"] = "learned_optimizer"
    inner_lr: float = Field(default=0.1, gt=0, description="Scale of the updates.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Updates in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Updates on unseen tasks.")
    units: int = Field(default=20, ge=1, le=256, description="Hidden units of each LSTM layer.")
    learn_start: bool = Field(default=True, description="Learn θ⁰ too; else draw it afresh for each task.")
    network: NetworkConfig = Conv4Config(channels=16)


class LearnedOptimizer(ModelLearner):
    """φ is the LSTM under ``optimizer/`` and, if it is learned, θ⁰ under ``start/``."""

    name = "learned_optimizer"
    inner_gradient = True
    averages = False
    config: LearnedOptimizerConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return a fresh LSTM, and the model's fresh parameters if they are learned."""
        units = self.config.units
        start = with_prefix(START, self.model.init(generator)) if self.config.learn_start else {}
        optimizer: Tensors = {}
        for layer in range(LAYERS):
            optimizer |= init_lstm(f"lstm{layer}", units if layer else 2, units, generator)
        return start | with_prefix("optimizer", optimizer | linear("out", units, 1, generator))

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the learned updates on the support set."""
        steps = self.config.inner_steps if mode.training else self.config.inner_steps_evaluation
        with torch.enable_grad():
            theta, optimizer = self._start(phi, support_x, generator), without_prefix("optimizer", phi)
            states = {
                name: [zero_state(value.reshape(-1, 1), self.config.units)] * LAYERS for name, value in theta.items()
            }
            for _ in range(steps):
                gradients = gradients_at(
                    lambda at: task_loss(self.model.outputs(at, support_x), support_y),
                    theta,
                    theta,
                    keep_graph=mode.second_order,
                )
                for name, slope in gradients.items():
                    change, states[name] = _update(optimizer, slope, states[name])
                    theta[name] = theta[name] + self.config.inner_lr * change
        return lambda query_x: self.model.outputs(theta, query_x)

    def _start(self, phi: Phi, like: Tensor, generator: Generator) -> Tensors:
        if self.config.learn_start:
            return without_prefix(START, phi)
        return {name: value.to(like).requires_grad_() for name, value in self.model.init(generator).items()}


def preprocess(slope: Tensor) -> Tensor:
    """Return [n, 2]: (log|∇| / p, sgn ∇) where |∇| ≥ e^-p, else (-1, e^p ∇) (appendix A, p = 10)."""
    slope = slope.reshape(-1)
    small = slope.abs() < math.exp(-_P)
    magnitude = torch.where(small, torch.ones_like(slope), slope.abs()).log() / _P
    first = torch.where(small, -torch.ones_like(slope), magnitude)
    second = torch.where(small, math.exp(_P) * slope, slope.sign())
    return torch.stack([first, second], dim=1)


def _update(optimizer: Mapping[str, Tensor], slope: Tensor, states: list[LstmState]) -> tuple[Tensor, list[LstmState]]:
    x, after = preprocess(slope), []
    for layer, state in enumerate(states):
        after.append(lstm_cell(optimizer, f"lstm{layer}", x, state))
        x = after[-1].hidden
    return F.linear(x, optimizer["out.weight"], optimizer["out.bias"]).reshape(slope.shape), after
