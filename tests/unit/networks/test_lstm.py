"""The LSTM cell against torch's own."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.lstm import LstmState, init_lstm, lstm_cell, zero_state
from tests.unit.networks.cases import random_of


@pytest.mark.parametrize(("inputs", "units"), [(3, 4), (1, 1), (6, 2)])
def test_lstm_cell_against_torch(inputs, units):
    # Given torch's own cell with the same weights (its two biases are one here), if both read a sequence
    parameters = {name: value.double() for name, value in init_lstm("cell", inputs, units, torch_generator(0)).items()}
    module = torch.nn.LSTMCell(inputs, units).double()
    biases = {"bias_ih": parameters["cell.bias"], "bias_hh": torch.zeros(4 * units)}
    module.load_state_dict({"weight_ih": parameters["cell.input"], "weight_hh": parameters["cell.hidden"]} | biases)
    sequence = 3 * random_of(5, 7, inputs)
    state, expected = zero_state(sequence[0], units), None
    for x in sequence:
        state, expected = lstm_cell(parameters, "cell", x, state), module(x, expected)
        # I expect the same state after each input.
        assert torch.allclose(state.hidden, expected[0], rtol=1e-12, atol=1e-12)
        assert torch.allclose(state.cell, expected[1], rtol=1e-12, atol=1e-12)


def test_lstm_of_more_than_comes_out():
    # Given a cell to which more comes back than its hidden state, I expect weights for all of it.
    fresh = init_lstm("cell", 3, 4, torch_generator(0), recurrent=10)
    assert {name: tuple(value.shape) for name, value in fresh.items()} == {
        "cell.input": (16, 3),
        "cell.hidden": (16, 10),
        "cell.bias": (16,),
    }
    assert all(value.abs().max() <= 0.5 for value in fresh.values())
    back = LstmState(torch.ones(2, 10), torch.zeros(2, 4))
    after = lstm_cell(fresh, "cell", torch.ones(2, 3), back)
    assert after.hidden.shape == after.cell.shape == (2, 4)
