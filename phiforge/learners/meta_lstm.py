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

from phiforge.learners.base import Mode, Phi, Predictor, task_loss
from phiforge.learners.gradient import loss_and_gradients
from phiforge.learners.learned_optimizer import preprocess
from phiforge.learners.learned_start import START
from phiforge.learners.networked import ModelLearner
from phiforge.networks import Conv4Config, NetworkConfig
from phiforge.networks.base import uniform
from phiforge.networks.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.spec.part import Part
from phiforge.tensors import Tensors, with_prefix, without_prefix

GATES = ("step", "forget")


class MetaLstmConfig(Part):
    """Settings of Meta-LSTM."""

    name: Literal["meta_lstm"] = "meta_lstm"
    inner_lr: float = Field(default=0.1, gt=0, lt=1, description="What the step gate's bias starts from.")
    inner_steps: int = Field(default=5, ge=1, le=100, description="Updates in meta-training.")
    inner_steps_evaluation: int = Field(default=5, ge=1, le=1000, description="Updates on unseen tasks.")
    units: int = Field(default=20, ge=1, le=256, description="Hidden units of the LSTM below the gates.")
    network: NetworkConfig = Conv4Config(channels=32)


class MetaLstm(ModelLearner):
    """φ is θ⁰ under ``start/``, and the LSTM and the gates, shared by all coordinates, under ``optimizer/``."""

    name = "meta_lstm"
    inner_gradient = True
    averages = False
    config: MetaLstmConfig

    def init_phi(self, generator: Generator) -> Tensors:
        """Return fresh parameters; the gates begin near gradient descent of rate ``inner_lr`` that forgets little."""
        units = self.config.units
        optimizer = init_lstm("lstm", 4, units, generator)
        bias = {"step": math.log(self.config.inner_lr / (1 - self.config.inner_lr)), "forget": 5.0}
        for gate in GATES:
            optimizer[f"{gate}.weight"] = 0.01 * uniform((1, units + 2), 1, generator)
            optimizer[f"{gate}.bias"] = torch.tensor([bias[gate]])
        return with_prefix(START, self.model.init(generator)) | with_prefix("optimizer", optimizer)

    def adapt(self, phi: Phi, support_x: Tensor, support_y: Tensor, mode: Mode, generator: Generator) -> Predictor:
        """Return the network after the gated updates on the support set."""
        steps = self.config.inner_steps if mode.training else self.config.inner_steps_evaluation
        with torch.enable_grad():
            theta, optimizer = without_prefix(START, phi), without_prefix("optimizer", phi)
            memory = {name: _fresh(value, self.config.units) for name, value in theta.items()}
            for _ in range(steps):
                loss, slopes = loss_and_gradients(
                    lambda at: task_loss(self.model.outputs(at, support_x), support_y),
                    theta,
                    theta,
                    keep_graph=mode.second_order,
                )
                for name, slope in slopes.items():
                    theta[name], memory[name] = _update(optimizer, theta[name], slope, loss, memory[name])
        return lambda query_x: self.model.outputs(theta, query_x)


class _Memory(NamedTuple):
    """What the optimiser remembers of each coordinate: the state of the LSTM below, and the gates before."""

    state: LstmState
    step: Tensor
    forget: Tensor


def _fresh(value: Tensor, units: int) -> _Memory:
    column = torch.zeros_like(value).reshape(-1, 1)
    return _Memory(zero_state(column, units), column, column + 1)


def _update(
    optimizer: Mapping[str, Tensor], theta: Tensor, slope: Tensor, loss: Tensor, memory: _Memory
) -> tuple[Tensor, _Memory]:
    """Return f ∘ θ − i ∘ ∇θ (equation 2, with the candidate −∇θ) and what to remember."""
    seen = torch.cat([preprocess(slope), preprocess(loss).expand(slope.numel(), 2)], dim=1)
    state = lstm_cell(optimizer, "lstm", seen, memory.state)
    column = theta.reshape(-1, 1)
    step = _gate(optimizer, "step", state.hidden, column, memory.step)
    forget = _gate(optimizer, "forget", state.hidden, column, memory.forget)
    moved = forget * column - step * slope.reshape(-1, 1)
    return moved.reshape(theta.shape), _Memory(state, step, forget)


def _gate(optimizer: Mapping[str, Tensor], gate: str, hidden: Tensor, theta: Tensor, before: Tensor) -> Tensor:
    seen = torch.cat([hidden, theta, before], dim=1)
    return F.linear(seen, optimizer[f"{gate}.weight"], optimizer[f"{gate}.bias"]).sigmoid()
