"""ResNet-12 against the formulas: its features by every norm and engine, its size, and what it refuses."""

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.normalisation import is_transductive
from phiforge.learning.networks.resnet12 import Resnet12, Resnet12Config
from tests.references import networks
from tests.unit.networks.cases import NORMS, parameters_of, random_of

WIDTHS = (8, 16, 8, 24)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 33), (3, 47, 32)], ids=str)
@pytest.mark.parametrize("pools", [1, 4])
@pytest.mark.parametrize("norm", NORMS)
def test_features_against_the_reference(norm, pools, shape):
    # Given images, also coloured and of odd sides
    x, config = random_of(3, *shape), Resnet12Config(widths=WIDTHS, norm=norm, pools=pools, average=False)
    parameters = parameters_of(Resnet12(config, shape))
    maps = networks.resnet12_map(parameters, x, norm, pools)
    # I expect the maps of the formulas by either engine, and features that are their places or their means.
    for engine in ("torch", "vmap"):
        network = Resnet12(config, shape, engine=engine)
        assert network.map_shape == maps.shape[1:] == (24, shape[1] // 2**pools, shape[2] // 2**pools)
        assert torch.allclose(network.feature_map(parameters, x), maps, rtol=1e-8, atol=1e-8)
        assert torch.allclose(network.features(parameters, x), maps.flatten(1), rtol=1e-8, atol=1e-8)
        averaging = Resnet12(config.model_copy(update={"average": True}), shape, engine=engine)
        assert averaging.feature_count == 24
        assert torch.allclose(averaging.features(parameters, x), maps.mean((2, 3)), rtol=1e-8, atol=1e-8)
    assert network.transductive == is_transductive(norm)


def test_the_published_size():
    # Given the published widths, I expect the published network: 12.4 million parameters, 640 features
    network = Resnet12(Resnet12Config(), (3, 84, 84))
    fresh = network.init(torch_generator("fresh"))
    assert network.map_shape == (640, 5, 5)
    assert network.feature_count == 640
    # (each convolution without a bias, each normalisation with two numbers of a filter).
    inputs, expected = 3, 0
    for width in (64, 160, 320, 640):
        expected += 9 * (inputs * width + 2 * width**2) + inputs * width + 4 * 2 * width
        inputs = width
    assert sum(value.numel() for value in fresh.values()) == expected == 12_424_320


@pytest.mark.parametrize("norm", ["prior", "running", "per_step"])
def test_what_no_task_moves(norm):
    # Given a norm with entries that are not for a task, I expect these alone to stand still.
    network = Resnet12(Resnet12Config(widths=WIDTHS, norm=norm), (1, 16, 16), inner_steps=2)
    still = {name for name in network.init(torch_generator("fresh")) if not network.adapts(name)}
    assert still
    assert all(name.startswith("statistics/") or ".prior_" in name or norm == "per_step" for name in still)
    assert not any(name.startswith("conv") for name in still)


def test_bfloat16_rounds_and_keeps_the_type_of_phi():
    network = Resnet12(Resnet12Config(widths=WIDTHS), (1, 16, 16), bfloat16=True)
    plain, x = Resnet12(Resnet12Config(widths=WIDTHS), (1, 16, 16)), random_of(4, 1, 16, 16, dtype=torch.float32)
    parameters = parameters_of(plain, torch.float32)
    found, expected = network.features(parameters, x), plain.features(parameters, x)
    assert found.dtype == torch.float32
    assert 0 < (found - expected).abs().max() < 0.2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"widths": (8, 8, 8, 12), "norm": "group"}, "norm 'group' needs widths divisible by 8"),
        ({"widths": (8, 8, 8, 0)}, "widths are 1 to 4096 filters each"),
        ({"widths": (8, 8, 8)}, "widths"),
        ({"pools": 5}, "pools"),
        ({"keep_rate": 0}, "keep_rate"),
    ],
)
def test_what_is_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        Resnet12Config(**settings)
