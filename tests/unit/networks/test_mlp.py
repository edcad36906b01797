"""The fully connected network against torch's own layers."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import build_network
from phiforge.learning.networks.mlp import Mlp, MlpConfig
from tests.unit.networks.cases import random_of


@pytest.mark.parametrize(("width", "layers", "shape"), [(40, 2, (1,)), (7, 1, (1, 3, 2)), (5, 4, (3,))], ids=str)
def test_mlp_against_torch(width, layers, shape):
    # Given torch's own linear layers with the same weights
    network, x = build_network(MlpConfig(width=width, layers=layers), shape), random_of(6, *shape)
    assert isinstance(network, Mlp)
    parameters = {name: value.double() for name, value in network.init(torch_generator("fresh")).items()}
    expected = x.flatten(1)
    for layer in range(layers):
        module = torch.nn.Linear(expected.shape[1], width).double()
        module.load_state_dict({each: parameters[f"layer{layer}.{each}"] for each in ("weight", "bias")})
        expected = torch.relu(module(expected))
    # I expect the same features of each input by itself, and no other parameters.
    assert len(parameters) == 2 * layers
    assert network.feature_count == width
    assert not network.transductive
    assert torch.allclose(network.features(parameters, x), expected, rtol=1e-12, atol=1e-12)
    alone = torch.cat([network.features(parameters, each[None]) for each in x])
    assert torch.allclose(alone, expected, rtol=1e-12, atol=1e-12)
