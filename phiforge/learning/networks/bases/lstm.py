"""LSTM cells as pure functions of their parameters (Hochreiter and Schmidhuber 1997, with forget gates)."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from phiforge.learning.networks.bases.network import uniform
from phiforge.learning.tensors import Tensors


class LstmState(NamedTuple):
    """``hidden`` and ``cell`` [n, units]."""

    hidden: Tensor
    cell: Tensor


def init_lstm(name: str, inputs: int, units: int, generator: Generator, recurrent: int | None = None) -> Tensors:
    """Return a fresh cell: ``name.input`` [4 * units, inputs], ``name.hidden`` [4 * units, recurrent], ``name.bias``.

    ``recurrent`` is the size of what comes back from the step before: ``units`` if that is the hidden state alone.
    """
    return {
        f"{name}.input": uniform((4 * units, inputs), units, generator),
        f"{name}.hidden": uniform((4 * units, recurrent or units), units, generator),
        f"{name}.bias": uniform((4 * units,), units, generator),
    }


def zero_state(x: Tensor, units: int) -> LstmState:
    """Return the state before the first of inputs like ``x`` [n, ...]."""
    zeros = x.new_zeros(len(x), units)
    return LstmState(zeros, zeros)


def lstm_cell(parameters: Mapping[str, Tensor], name: str, x: Tensor, state: LstmState) -> LstmState:
    """Return the state after inputs ``x`` [n, inputs]; gates in torch's order: input, forget, candidate, output."""
    from_input = F.linear(x, parameters[f"{name}.input"], parameters[f"{name}.bias"])
    gates = from_input + F.linear(state.hidden, parameters[f"{name}.hidden"])
    enter, forget, candidate, leave = gates.chunk(4, dim=1)
    cell = forget.sigmoid() * state.cell + enter.sigmoid() * candidate.tanh()
    return LstmState(leave.sigmoid() * torch.tanh(cell), cell)
