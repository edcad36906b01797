"""Fused blocks that normalise each image by itself, or not at all: torch's values, first and second derivatives."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from phiforge.learning.engines.fused.example_block import group_normalised_pooled, scaled_pooled
from phiforge.learning.engines.fused.example_first_block import group_normalised_first_block, scaled_first_block
from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import build_network
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import random_of
from tests.unit.test_fused import SIDES, assert_equal_derivatives, derivatives, leaf

CHANNELS = 4


def plain(groups, z, bias, weight, shift):
    """The block in torch's own operations; no groups: nothing normalises."""
    z = z + bias[:, None, None]
    normal = (
        z * weight[:, None, None] + shift[:, None, None] if groups is None else F.group_norm(z, groups, weight, shift)
    )
    return F.relu(F.max_pool2d(normal, 2))


def fused(groups, z, bias, weight, shift):
    if groups is None:
        return scaled_pooled(z, bias, weight, shift)
    return group_normalised_pooled(z, bias, weight, shift, groups)


def inputs_of(height, width, dtype=torch.float64):
    return leaf(3, CHANNELS, height, width, dtype=dtype), *(
        leaf(CHANNELS, seed=seed, dtype=dtype) for seed in (1, 2, 3)
    )


@pytest.mark.parametrize("groups", [None, 1, 2], ids=["none", "layer", "group"])
@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_a_block_is_that_of_torch(sides, groups):
    # Given maps in either memory format, If they are normalised, pooled and rectified by the fused passes
    inputs = inputs_of(*sides)
    # Expect torch's values and derivatives of first and second order, and the finite differences of both.
    assert_equal_derivatives(partial(fused, groups), partial(plain, groups), *inputs)
    last = inputs[0].detach().to(memory_format=torch.channels_last).requires_grad_()
    assert_equal_derivatives(partial(fused, groups), partial(plain, groups), last, *inputs[1:])
    assert gradcheck(partial(fused, groups), inputs)
    assert gradgradcheck(partial(fused, groups), inputs)


def plain_first(groups, x, filters, *rows):
    return plain(groups, F.conv2d(x, filters, padding=1), *rows)


def fused_first(groups, x, filters, *rows):
    if groups is None:
        return scaled_first_block(x, filters, *rows)
    return group_normalised_first_block(x, filters, *rows, groups)


@pytest.mark.parametrize("groups", [None, 1, 2], ids=["none", "layer", "group"])
@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_the_first_block_is_that_of_torch(sides, groups):
    # Given images of one channel, If the whole first block is one operation
    inputs = random_of(3, 1, *sides, seed=3), leaf(CHANNELS, 1, 3, 3), *inputs_of(*sides)[1:]
    # Expect torch's values and derivatives in its parameters, and the finite differences of both.
    assert_equal_derivatives(partial(fused_first, groups), partial(plain_first, groups), *inputs)
    assert gradcheck(partial(fused_first, groups), inputs)
    assert gradgradcheck(partial(fused_first, groups), inputs)


@pytest.mark.parametrize("groups", [None, 1, 2], ids=["none", "layer", "group"])
def test_of_equal_maxima_the_first_is_chosen(groups):
    # Given maps of few different values, so that most windows have several maxima, and no slope in some channels
    z = (3 * random_of(3, CHANNELS, 6, 6)).round().requires_grad_()
    bias, shift = leaf(CHANNELS, seed=1), leaf(CHANNELS, seed=2)
    weight = torch.tensor([1.0, -1.0, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    # Expect the derivatives of torch, which gives them to the first in order of rows.
    assert_equal_derivatives(partial(fused, groups), partial(plain, groups), z, bias, weight, shift)


@pytest.mark.parametrize("groups", [1, 2], ids=["layer", "group"])
def test_a_far_mean_costs_no_digits(groups):
    # Given maps in float32 whose mean is a thousand times their deviation
    z, *others = inputs_of(6, 6, torch.float32)
    far = (z.detach() + 1000).requires_grad_()
    exact = [each.detach().double().requires_grad_() for each in (far, *others)]
    # Expect what float64 makes of the same numbers.
    found = derivatives(partial(fused, groups), far, *others)
    for mine, expected in zip(found, derivatives(partial(plain, groups), *exact), strict=True):
        assert (mine.double() - expected).abs().max() / expected.abs().max() < 2e-4


def test_what_is_not_a_number_stays_so():
    # Given a map with one value that is not finite, Expect its whole image to be not a number, and no other.
    z, *others = inputs_of(4, 4)
    with torch.no_grad():
        z[1, 2, 2, 2] = float("nan")
    found = fused(1, z, *others)
    assert found.isnan().flatten(1).all(dim=1).tolist() == [False, True, False]
    assert not found[0].isnan().any()


def test_a_third_derivative_is_refused():
    # Given a block, If its second derivative is to be differentiated, Expect an error and no wrong number.
    inputs = inputs_of(4, 4)
    (first,) = torch.autograd.grad(fused(1, *inputs).square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(NotImplementedError, match="engine=torch"):
        torch.autograd.grad(first.square().sum(), inputs[:1], create_graph=True)


@pytest.mark.parametrize("norm", ["layer", "group", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_network_and_its_second_derivative_are_those_of_torch(norm, dtype):
    # Given one network by both engines, with a block that does not pool, on odd sides
    config = Conv4Config(channels=16, norm=norm, pools=3)
    ours, theirs = (build_network(config, (1, 21, 18), 0, engine) for engine in ("fused", "torch"))
    parameters = {name: value.to(dtype) for name, value in ours.init(torch_generator("phi")).items()}
    x = random_of(6, 1, 21, 18).to(dtype)

    def of(network):
        leaves = [value.clone().requires_grad_() for value in parameters.values()]
        named = dict(zip(parameters, leaves, strict=True))
        value = network.features(named, x).square().mean()
        first = torch.autograd.grad(value, leaves, create_graph=True)
        return [value, *first, *torch.autograd.grad(sum(each.square().sum() for each in first), leaves)]

    # Expect the same value, gradient and gradient of the gradient's norm.
    tolerance = 1e-9 if dtype is torch.float64 else 1e-3
    for found, expected in zip(of(ours), of(theirs), strict=True):
        scale = expected.abs().max().clamp(min=1e-12)
        assert ((found - expected).abs().max() / scale) < tolerance
