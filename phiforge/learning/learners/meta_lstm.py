"""Meta-LSTM: learn the initial parameters and gates that say how far to forget and to step.

Ravi and Larochelle 2017, "Optimization as a model for few-shot learning", section 3: the cell state of an LSTM is θ.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor

from phiforge.learning.learners.bases.coordinatewise import OPTIMIZER, CoordinatewiseLearner, Slope, preprocess
from phiforge.learning.learners.bases.prefixes import START
from phiforge.learning.networks import NetworkConfig
from phiforge.learning.networks.bases.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.learning.networks.bases.network import uniform
from phiforge.learning.networks.conv4 import Conv4Config
from phiforge.learning.tensors import Tensors, with_prefix
from phiforge.registry import PartConfig

GATES = ("step", "forget")


class MetaLstmConfig(PartConfig):
    """Settings of Meta-LSTM."""

    name: Literal["meta_lstm"] = "meta_lstm"
    inner_lr: float = Field(default=0.1, gt=0, lt=1, description="What the step gate's bias starts from.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Updates in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Updates on unseen tasks.")
    units: int = Field(default=20, ge=1, le=256, description="Hidden units of the LSTM below the gates.")
    network: NetworkConfig = Conv4Config(channels=32)


class _Memory(NamedTuple):
    """What the optimiser remembers of each coordinate: the state of the LSTM below, and the gates before."""

    state: LstmState
    step: Tensor
    forget: Tensor


class MetaLstm(CoordinatewiseLearner[_Memory]):
    """φ is θ⁰ under ``start/``, and the LSTM and the gates, shared by all coordinates, under ``optimizer/``."""

    Config = MetaLstmConfig
    config: MetaLstmConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return fresh parameters; the gates begin near gradient descent of rate ``inner_lr`` that forgets little."""
        units = self.config.units
        rule = init_lstm("lstm", 4, units, generator)
        bias = {"step": math.log(self.config.inner_lr / (1 - self.config.inner_lr)), "forget": 5.0}
        for gate in GATES:
            rule[f"{gate}.weight"] = 0.01 * uniform((1, units + 2), 1, generator)
            rule[f"{gate}.bias"] = torch.tensor([bias[gate]])
        return with_prefix(START, self.model.init(generator)) | with_prefix(OPTIMIZER, rule)

    def fresh_memory(self, value: Tensor) -> _Memory:
        """Return an LSTM's state before the first gradient, and gates that have not stepped or forgotten."""
        column = torch.zeros_like(value).reshape(-1, 1)
        return _Memory(zero_state(column, self.config.units), column, column + 1)

    def updated(
        self, rule: Mapping[str, Tensor], value: Tensor, slope: Slope, memory: _Memory
    ) -> tuple[Tensor, _Memory]:
        """Return f ∘ θ − i ∘ ∇θ (equation 2, with the candidate −∇θ) and what to remember."""
        gradient, column = slope.gradient, value.reshape(-1, 1)
        seen = torch.cat([preprocess(gradient), preprocess(slope.loss).expand(gradient.numel(), 2)], dim=1)
        state = lstm_cell(rule, "lstm", seen, memory.state)
        step = _gate(rule, "step", state.hidden, column, memory.step)
        forget = _gate(rule, "forget", state.hidden, column, memory.forget)
        moved = forget * column - step * gradient.reshape(-1, 1)
        return moved.reshape(value.shape), _Memory(state, step, forget)


def _gate(rule: Mapping[str, Tensor], gate: str, hidden: Tensor, theta: Tensor, before: Tensor) -> Tensor:
    seen = torch.cat([hidden, theta, before], dim=1)
    return F.linear(seen, rule[f"{gate}.weight"], rule[f"{gate}.bias"]).sigmoid()
