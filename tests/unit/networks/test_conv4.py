"""Conv4 against the textbook: its features, their gradients, and what else they may depend on."""

import pytest
import torch
from pydantic import ValidationError

from phiforge.learning.networks.bases.normalisation import is_transductive
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.networks.cases import NORMS, SHAPE, network_of, parameters_of, random_of
from tests.unit.networks.textbook import textbook_features

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-11}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 16, 33), (2, 32, 16)], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_features_against_the_textbook(norm, shape, dtype):
    # Given images, also coloured and of odd sides
    network, x = network_of(norm, shape), random_of(6, *shape, dtype=dtype)
    parameters = parameters_of(network, dtype)
    found = network.features(parameters, x)
    # I expect what convolution, normalisation, ReLU and pooling give, in that order,
    expected = textbook_features(norm, parameters, x)
    assert found.dtype == dtype
    assert torch.allclose(found, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    # one row an image, and something in it.
    assert found.shape == (6, network.feature_count) == (6, 8 * (shape[1] // 16) * (shape[2] // 16))
    assert found.std() > 0


@pytest.mark.parametrize("norm", NORMS)
def test_gradients_against_the_textbook(norm):
    # Given a weighted sum of the features, if it is differentiated, I expect the textbook's gradients.
    network, x = network_of(norm), random_of(6, *SHAPE)
    parameters = {name: value.requires_grad_() for name, value in parameters_of(network).items()}
    weights = random_of(6, network.feature_count, seed=1)
    found, expected = (
        torch.autograd.grad((features * weights).sum(), list(parameters.values()))
        for features in (network.features(parameters, x), textbook_features(norm, parameters, x))
    )
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("norm", NORMS)
def test_who_else_is_in_the_set(norm):
    # Given five images
    network, x = network_of(norm), random_of(5, *SHAPE)
    parameters = parameters_of(network)
    together = network.features(parameters, x)
    # If the first is looked at with other neighbours, or the others by themselves
    changed = network.features(parameters, torch.cat([x[:1], x[1:] + random_of(4, *SHAPE, seed=1)]))
    fewer = network.features(parameters, x[1:])
    # I expect its features to change under batch normalisation, and under no other.
    moved = (changed[0] - together[0]).abs().max().item(), (fewer - together[1:]).abs().max().item()
    assert network.transductive == is_transductive(norm) == (norm == "batch")
    assert min(moved) > 1e-3 if norm == "batch" else max(moved) < 1e-12


def test_batch_norm_keeps_no_memory():
    # Given a network that has seen other images, I expect it to give what it gave before.
    network, x = network_of("batch"), random_of(5, *SHAPE)
    parameters = parameters_of(network)
    before = network.features(parameters, x)
    network.features(parameters, 10 * random_of(5, *SHAPE, seed=1))
    assert torch.equal(network.features(parameters, x), before)


@pytest.mark.parametrize("norm", NORMS)
def test_the_order_of_images_does_not_matter(norm):
    network, x = network_of(norm), random_of(5, *SHAPE)
    parameters, order = parameters_of(network), [3, 0, 4, 1, 2]
    shuffled = network.features(parameters, x[order])
    assert torch.allclose(shuffled, network.features(parameters, x)[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 4, 12, 63])
def test_groups_must_divide_the_channels(channels):
    with pytest.raises(ValidationError, match=f"needs channels divisible by 8, not {channels}"):
        Conv4Config(channels=channels, norm="group")
    assert Conv4Config(channels=channels, norm="layer").channels == channels
