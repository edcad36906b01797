"""How many blocks of Conv4 pool, and what they leave of an image."""

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.networks.conv4 import Conv4, Conv4Config
from phiforge.spec.norms import GROUPS
from tests.unit.networks.cases import SHAPE, parameters_of, random_of


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 39)], ids=str)
@pytest.mark.parametrize("pools", [1, 2, 3, 4])
def test_pools(pools, shape):
    # Given a network of which only the first blocks pool, I expect maps of the size that it says,
    config = Conv4Config(channels=8, norm="layer", pools=pools)
    network, x = Conv4(config, shape), random_of(2, *shape)
    parameters = parameters_of(network)
    maps = network.feature_map(parameters, x)
    assert network.map_shape == (8, shape[1] // 2**pools, shape[2] // 2**pools)
    assert maps.shape == (2, *network.map_shape)
    # its features to be the maps in a row, in order of channel, row and column,
    assert torch.equal(network.features(parameters, x), maps.reshape(2, -1))
    assert network.feature_count == maps[0].numel()
    # and something to be left of the smallest image, nothing of one that is smaller.
    assert config.smallest_image == 2**pools
    smallest = Conv4(config, (1, 2**pools, 2**pools))
    assert smallest.map_shape == (8, 1, 1)
    assert Conv4(config, (1, 2**pools - 1, 2**pools)).feature_count == 0


def test_blocks_that_do_not_pool_against_torch():
    # Given torch's own modules with the same weights, two of four blocks pooling, I expect the same maps.
    network, x = Conv4(Conv4Config(channels=8, norm="group", pools=2), SHAPE), random_of(3, *SHAPE)
    parameters, expected = parameters_of(network), x
    for block in range(4):
        layers = [torch.nn.Conv2d(1 if block == 0 else 8, 8, 3, padding=1), torch.nn.GroupNorm(GROUPS, 8)]
        for layer, name in zip(layers, (f"conv{block}", f"norm{block}"), strict=True):
            layer.double().load_state_dict({each: parameters[f"{name}.{each}"] for each in ("weight", "bias")})
        layers += [torch.nn.ReLU(), *([torch.nn.MaxPool2d(2)] if block < 2 else [])]
        expected = torch.nn.Sequential(*layers)(expected)
    assert torch.allclose(network.feature_map(parameters, x), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("pools", [0, 5])
def test_as_many_blocks_pool_as_there_are(pools):
    with pytest.raises(ValidationError, match="pools"):
        Conv4Config(pools=pools)
