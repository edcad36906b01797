"""Gated recurrent units as pure functions of their parameters (Cho et al. 2014)."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from phiforge.learning.networks.bases.network import uniform
from phiforge.learning.tensors import Tensors

_PARTS = ("input", "hidden", "input_bias", "hidden_bias")


def init_gru(name: str, inputs: int, units: int, generator: Generator) -> Tensors:
    """Return a fresh cell: ``name.input`` [3 * units, inputs], ``name.hidden`` [3 * units, units], and biases of both.

    Gates are in torch's order: reset, update, candidate.
    """
    shapes = ((3 * units, inputs), (3 * units, units), (3 * units,), (3 * units,))
    return {f"{name}.{part}": uniform(shape, units, generator) for part, shape in zip(_PARTS, shapes, strict=True)}


def gru_step(parameters: Mapping[str, Tensor], name: str, x: Tensor, hidden: Tensor) -> Tensor:
    """Return the hidden state [n, units] after inputs ``x`` [n, inputs]."""
    return torch.gru_cell(x, hidden, *_of(parameters, name))


def gru_sequence(parameters: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Return the hidden states [n, T, units] after each of the inputs ``x`` [n, T, inputs], from a state of zeros."""
    weights = _of(parameters, name)
    start = x.new_zeros(1, len(x), weights[1].shape[1])
    states: Tensor = torch.gru(x, start, weights, True, 1, 0.0, False, False, True)[0]
    return states


def _of(parameters: Mapping[str, Tensor], name: str) -> list[Tensor]:
    return [parameters[f"{name}.{part}"] for part in _PARTS]
