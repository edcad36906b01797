"""Blocks that halve maps by a stride, by every engine, against torch's own operations."""

import pytest
import torch
import torch.nn.functional as F

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.conv4 import Conv4, Conv4Config
from tests.unit.cases import random_of

SHAPES = [(1, 12, 9), (3, 8, 8), (1, 1, 1)]


def network_of(shape, engine="torch", **fields):
    return Conv4(Conv4Config(channels=8, shrink="stride", **fields), shape, engine=engine)


def parameters_of(network):
    return {name: value.double().requires_grad_() for name, value in network.init(torch_generator("phi")).items()}


def expected(parameters, x, pools):
    """The maps by torch: strides where blocks halve, batch statistics, ReLU."""
    for block in range(4):
        x = F.conv2d(x, parameters[f"conv{block}.weight"], stride=2 if block < pools else 1, padding=1)
        weight, bias = (parameters[f"norm{block}.{name}"] for name in ("weight", "bias"))
        x = F.relu(F.batch_norm(x, None, None, weight, bias, training=True))
    return x


def second_derivatives(maps, parameters):
    """A gradient, and the gradient of its size."""
    leaves = [parameters[name] for name in sorted(parameters)]
    first = torch.autograd.grad(maps.square().sum() + maps.sum(), leaves, create_graph=True)
    return [*first, *torch.autograd.grad(sum(each.square().sum() for each in first), leaves)]


@pytest.mark.parametrize("pools", [2, 4])
@pytest.mark.parametrize("engine", ["torch", "fused", "vmap"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_maps_and_derivatives_are_those_of_torch(shape, engine, pools):
    # Given a network that halves by strides
    network, x = network_of(shape, engine, pools=pools), random_of(4, *shape)
    parameters = parameters_of(network)
    # If it maps images, I expect torch's maps, of the shape that it says, and both derivatives.
    maps, plain = network.feature_map(parameters, x), expected(parameters, x, pools)
    assert maps.shape[1:] == network.map_shape == plain.shape[1:]
    torch.testing.assert_close(maps, plain)
    found, theirs = (second_derivatives(each, parameters) for each in (maps, plain))
    torch.testing.assert_close(found, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("norm", ["layer", "none", "running"])
def test_other_normalisations_are_the_same_by_both_engines(norm):
    # Given a normalisation that the fused engine has no kernel for where nothing is pooled
    plain, fused = (network_of((1, 12, 9), engine, norm=norm) for engine in ("torch", "fused"))
    parameters, x = parameters_of(plain), random_of(4, 1, 12, 9)
    # I expect the same features.
    torch.testing.assert_close(fused.features(parameters, x), plain.features(parameters, x))


def test_no_image_is_too_small():
    # Given strides, which leave a place of any image
    assert Conv4Config(shrink="stride").smallest_image == 1
    assert Conv4Config().smallest_image == 16
