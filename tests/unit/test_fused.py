"""The fused engine's operations: the values of torch's own, and their first and second derivatives."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from phiforge.learning.engines.fused.block import normalised_pooled
from phiforge.learning.engines.fused.convolution import convolve
from phiforge.learning.engines.fused.first_block import first_block
from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import build_network
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.cases import random_of

SIDES = [(4, 6), (5, 7), (3, 2), (2, 3)]
"""Heights and widths, even and odd, down to a single pooled position."""


def leaf(*shape, seed=0, dtype=torch.float64):
    return (2 * random_of(*shape, seed=seed, dtype=dtype) - 1).requires_grad_()


def plain_block(z, weight, bias):
    return F.relu(F.max_pool2d(F.batch_norm(z, None, None, weight, bias, training=True), 2))


def plain_first(x, filters, weight, bias):
    return plain_block(F.conv2d(x, filters, padding=1), weight, bias)


def block_inputs(height, width, dtype=torch.float64):
    return leaf(3, 4, height, width, dtype=dtype), leaf(4, seed=1, dtype=dtype), leaf(4, seed=2, dtype=dtype)


def first_inputs(height, width, dtype=torch.float64):
    x = random_of(3, 1, height, width, seed=3, dtype=dtype)
    return x, leaf(5, 1, 3, 3, dtype=dtype), leaf(5, seed=1, dtype=dtype), leaf(5, seed=2, dtype=dtype)


def derivatives(function, *inputs):
    """Return the value, the gradient of a random weighting, and the gradient of a random weighting of that."""
    leaves = [each for each in inputs if each.requires_grad]
    value = function(*inputs)
    weighted = (value * leaf(*value.shape, seed=11, dtype=value.dtype).detach()).square().sum()
    first = torch.autograd.grad(weighted, leaves, create_graph=True)
    total = sum(
        (each * leaf(*each.shape, seed=20 + i, dtype=each.dtype).detach()).sum() for i, each in enumerate(first)
    )
    return [value, *first, *torch.autograd.grad(total, leaves)]


def assert_equal_derivatives(function, plain, *inputs, tolerance=1e-12):
    for found, expected in zip(derivatives(function, *inputs), derivatives(plain, *inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_a_block_is_that_of_torch(sides):
    # Given maps in either memory format, if they are normalised, pooled and rectified in one operation
    inputs = block_inputs(*sides)
    # I expect torch's values and derivatives of first and second order, and the finite differences of both.
    assert_equal_derivatives(normalised_pooled, plain_block, *inputs)
    last = inputs[0].detach().to(memory_format=torch.channels_last).requires_grad_()
    assert_equal_derivatives(normalised_pooled, plain_block, last, *inputs[1:])
    assert gradcheck(normalised_pooled, inputs)
    assert gradgradcheck(normalised_pooled, inputs)


@pytest.mark.parametrize("sides", [*SIDES, (1, 1)], ids=str)
def test_a_block_without_pooling_is_that_of_torch(sides):
    # Given maps, if they are normalised and rectified in one operation
    inputs = block_inputs(*sides)
    block = partial(normalised_pooled, side=1)
    # I expect torch's values and derivatives of first and second order, and the finite differences of both.
    assert_equal_derivatives(
        block, lambda z, weight, bias: F.relu(F.batch_norm(z, None, None, weight, bias, training=True)), *inputs
    )
    assert gradcheck(block, inputs)
    assert gradgradcheck(block, inputs)


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_the_first_block_is_that_of_torch(sides):
    # Given images of one channel, if the whole first block is one operation
    x, *parameters = first_inputs(*sides)
    # I expect torch's values and derivatives in its parameters, and the finite differences of both.
    assert_equal_derivatives(first_block, plain_first, x, *parameters)
    assert gradcheck(first_block, (x, *parameters))
    assert gradgradcheck(first_block, (x, *parameters))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_a_convolution_is_that_of_torch(sides, stride):
    # Given maps and filters, if they are convolved, I expect torch's values and derivatives.
    inputs = (leaf(2, 3, *sides), leaf(4, 3, 3, 3, seed=1))
    found = partial(convolve, stride=stride)
    assert_equal_derivatives(found, lambda x, weight: F.conv2d(x, weight, stride=stride, padding=1), *inputs)
    assert gradcheck(found, inputs)
    assert gradgradcheck(found, inputs)


def test_a_convolution_in_bfloat16_rounds_its_factors_and_what_comes_out():
    # Given maps and filters that are sums of few powers of two, so that bfloat16 has all of them
    inputs = [(8 * leaf(*shape).detach()).round().requires_grad_() for shape in [(2, 3, 5, 7), (4, 3, 3, 3)]]
    exact = derivatives(convolve, *inputs)
    # If they are convolved in bfloat16, and differentiated twice
    found = derivatives(partial(convolve, bfloat16=True), *inputs)
    # I expect values that are off by the rounding of each and no more, in the type of what went in, and some that are.
    value, *slopes = [((each - of).abs().max() / of.abs().max()).item() for each, of in zip(found, exact, strict=True)]
    assert 0 < value < 2**-8
    assert max(slopes) < 2**-5
    assert {each.dtype for each in found} == {torch.float64}


@pytest.mark.parametrize("needed", [0, 1])
def test_a_convolution_needs_one_gradient_alone(needed):
    # Given a convolution of which only one input is asked for, twice over
    inputs = [leaf(2, 3, 4, 4), leaf(4, 3, 3, 3, seed=1)]
    inputs[1 - needed] = inputs[1 - needed].detach()
    # I expect torch's derivatives of it.
    assert_equal_derivatives(convolve, lambda x, weight: F.conv2d(x, weight, padding=1), *inputs)


def test_of_equal_maxima_the_first_is_chosen():
    # Given maps of few different values, so that most windows have several maxima
    z = (3 * random_of(4, 3, 6, 6)).round().requires_grad_()
    weight = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64, requires_grad=True)
    bias = torch.tensor([0.5, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    # I expect the derivatives of torch, which gives them to the first in order of rows.
    assert_equal_derivatives(normalised_pooled, plain_block, z, weight, bias)


def test_images_of_one_grey():
    # Given images without any variance but at their padded edges, and maps without any at all
    x, *parameters = first_inputs(6, 6)
    assert_equal_derivatives(first_block, plain_first, torch.full_like(x, 0.25), *parameters)
    flat = torch.full((2, 4, 4, 4), 0.25, dtype=torch.float64, requires_grad=True)
    # I expect torch's derivatives, up to the size that 1 / sqrt(ε) gives to rounding.
    assert_equal_derivatives(normalised_pooled, plain_block, flat, *block_inputs(4, 4)[1:], tolerance=1e-7)


def test_what_is_not_a_number_stays_so():
    # Given a map with one value that is not finite
    z, weight, bias = block_inputs(4, 4)
    with torch.no_grad():
        z[0, 1, 2, 2] = float("nan")
    # I expect its whole channel to be not a number, so that a run fails loudly.
    assert normalised_pooled(z, weight, bias).isnan().any(dim=0).flatten(1).all(dim=1).tolist() == [0, 1, 0, 0]
    x, *parameters = first_inputs(4, 4)
    x[0, 0, 1, 1] = float("nan")
    assert first_block(x, *parameters).isnan().all()


def test_a_far_mean_costs_no_digits():
    # Given maps in float32 whose mean is a thousand times their deviation
    z, weight, bias = block_inputs(6, 6, torch.float32)
    far = (z.detach() + 1000).requires_grad_()
    exact = [each.detach().double().requires_grad_() for each in (far, weight, bias)]
    # I expect what float64 makes of the same numbers.
    for found, expected in zip(
        derivatives(normalised_pooled, far, weight, bias), derivatives(plain_block, *exact), strict=True
    ):
        error = (found.double() - expected).abs().max() / expected.abs().max()
        assert error < 2e-4


def test_a_third_derivative_is_refused():
    # Given a block, if its second derivative is to be differentiated, I expect an error and no wrong number.
    inputs = block_inputs(4, 4)
    (first,) = torch.autograd.grad(normalised_pooled(*inputs).square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(NotImplementedError, match="engine=torch"):
        torch.autograd.grad(first.square().sum(), inputs[:1], create_graph=True)


@pytest.mark.parametrize("norm", ["batch", "running", "per_step", "layer", "none"])
@pytest.mark.parametrize("images", [(1, 21, 18), (3, 16, 16)], ids=["grey", "coloured"])
def test_a_network_is_the_same_by_either_engine(norm, images):
    # Given one network by both engines, with a block that does not pool, on odd sides, in one channel or three
    config = Conv4Config(channels=8, norm=norm, pools=3)
    plain, fused = (build_network(config, images, 2, engine) for engine in ("torch", "fused"))
    parameters = {name: value.double() for name, value in plain.init(torch_generator("phi")).items()}
    x = random_of(6, *images)
    # I expect the same features.
    torch.testing.assert_close(fused.features(parameters, x), plain.features(parameters, x), rtol=1e-10, atol=1e-10)
