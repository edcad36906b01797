"""Conv6: Conv4's blocks, and two behind them that do not pool."""

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.engines import lacks
from phiforge.learning.networks.conv6 import Conv6, Conv6Config
from tests.references import networks
from tests.unit.networks.cases import NORMS, parameters_of, random_of


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 33), (3, 84, 84)], ids=str)
@pytest.mark.parametrize("pools", [2, 4])
@pytest.mark.parametrize("norm", [*NORMS, "prior"])
def test_features_against_the_reference(norm, pools, shape):
    # Given images, also coloured and of odd sides, I expect six blocks, of which the first pool, by every engine.
    x, config = random_of(4, *shape), Conv6Config(channels=8, norm=norm, pools=pools)
    parameters = parameters_of(Conv6(config, shape))
    expected = networks.conv4_map(parameters, x, norm, pools, blocks=6)
    for engine in ("torch", "fused", "vmap"):
        if lacks(engine, "cpu") is None:
            network = Conv6(config, shape, engine=engine)
            assert network.map_shape == expected.shape[1:] == (8, shape[1] // 2**pools, shape[2] // 2**pools)
            assert torch.allclose(network.feature_map(parameters, x), expected, rtol=1e-9, atol=1e-9)


def test_as_many_blocks_pool_as_there_are():
    assert Conv6Config(pools=6).smallest_image == 64
    with pytest.raises(ValidationError, match="pools"):
        Conv6Config(pools=7)
