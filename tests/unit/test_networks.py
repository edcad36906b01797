"""Conv-4 and its normalisations against the textbook, written with plain means and variances."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phiforge.networks.classifier import Classifier
from phiforge.networks.conv4 import Conv4, Conv4Config, uniform
from phiforge.networks.normalisation import GROUPS, is_transductive, normalise
from phiforge.randomness import torch_generator

NORMS = ["batch", "layer", "group", "none"]
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-11}
SHAPE = (1, 28, 28)


def random_of(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch_generator("values", seed), dtype=torch.float64).to(dtype)


def network_of(norm, shape=SHAPE, channels=8):
    return Conv4(Conv4Config(channels=channels, norm=norm), shape)


def parameters_of(model, dtype=torch.float64):
    """Fresh parameters, with scale and shift moved away from the identity, so that they are seen."""
    parameters = {name: value.to(dtype) for name, value in model.init(torch_generator("fresh")).items()}
    return {
        name: value + 0.3 * random_of(*value.shape, seed=index, dtype=dtype) if name.startswith("norm") else value
        for index, (name, value) in enumerate(parameters.items())
    }


def textbook_norm(kind, x, weight, bias):
    """Subtract the mean, divide by the standard deviation (of the population, epsilon inside), scale and shift."""
    if kind != "none":
        cut, over = {
            "batch": (x, (0, 2, 3)),
            "layer": (x, (1, 2, 3)),
            "group": (x.reshape(len(x), GROUPS, -1), (2,)),
        }[kind]
        mean = cut.mean(over, keepdim=True)
        variance = ((cut - mean) ** 2).mean(over, keepdim=True)
        x = ((cut - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)
    return x * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


def textbook_features(kind, parameters, x):
    """Four times: convolution, normalisation, ReLU, pooling; each output pixel a sum over its 3 x 3 neighbourhood."""
    for block in range(4):
        weight, bias = parameters[f"conv{block}.weight"], parameters.get(f"conv{block}.bias")
        columns = F.unfold(x, 3, padding=1)
        convolved = (weight.flatten(1) @ columns).reshape(len(x), len(weight), *x.shape[2:])
        x = convolved if bias is None else convolved + bias.view(1, -1, 1, 1)
        x = textbook_norm(kind, x, parameters[f"norm{block}.weight"], parameters[f"norm{block}.bias"])
        x = torch.where(x > 0, x, torch.zeros_like(x))
        rows, columns = x.shape[2] // 2, x.shape[3] // 2
        x = x[:, :, : 2 * rows, : 2 * columns].reshape(*x.shape[:2], rows, 2, columns, 2).amax((3, 5))
    return x.reshape(len(x), -1)


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


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1, 3])
def test_normalisation_against_the_textbook(norm, size):
    x, weight, bias = random_of(4, 16, size, size), random_of(16, seed=1), random_of(16, seed=2)
    expected = textbook_norm(norm, x, weight, bias)
    assert torch.allclose(normalise(norm, x, weight, bias), expected, rtol=1e-10, atol=1e-10)


def test_normalisation_by_hand():
    # Given one channel of two images that hold 1 and 3, 5 and 7: mean 4, variance 5
    x = torch.tensor([1.0, 3.0, 5.0, 7.0], dtype=torch.float64).reshape(2, 1, 1, 2)
    scale, shift = torch.tensor([2.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    found = normalise("batch", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([1 + 2 * each / 5**0.5 for each in (-3, -1, 1, 3)], rel=1e-5)
    # by itself each image has mean 2 or 6, and variance 1.
    found = normalise("layer", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([-1, 3, -1, 3], rel=1e-4)
    assert normalise("none", x, scale, shift).flatten().tolist() == [3, 7, 11, 15]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_the_loss_reaches_every_parameter(norm, dtype):
    # Given a classifier and a labelled set
    classifier = Classifier(Conv4Config(channels=8, norm=norm), SHAPE, 5)
    parameters = {name: value.requires_grad_() for name, value in parameters_of(classifier, dtype).items()}
    x, y = random_of(10, *SHAPE, dtype=dtype), torch.arange(5).repeat(2)
    # If its loss is differentiated, I expect a finite gradient, not zero, of each parameter, in its type.
    loss = classifier.loss(parameters, x, y)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    assert loss.dtype == dtype
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient.dtype == dtype, name
        assert gradient.isfinite().all(), name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize("norm", NORMS)
def test_logits_and_loss(norm):
    # Given a classifier, I expect its head to be linear, and its loss minus the mean log-probability of the labels.
    classifier = Classifier(Conv4Config(channels=8, norm=norm), SHAPE, 3)
    parameters, x, y = parameters_of(classifier), random_of(6, *SHAPE), torch.tensor([0, 1, 2, 2, 1, 0])
    logits = textbook_features(norm, parameters, x) @ parameters["head.weight"].T + parameters["head.bias"]
    assert torch.allclose(classifier.logits(parameters, x), logits, rtol=1e-9, atol=1e-9)
    expected = -sum(torch.softmax(row, 0)[label].log() for row, label in zip(logits, y, strict=True)) / 6
    assert classifier.loss(parameters, x, y).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_fresh_parameters(norm):
    # Given fresh parameters of a network of 64 channels
    classifier = Classifier(Conv4Config(norm=norm), SHAPE, 5)
    fresh = classifier.init(torch_generator("fresh"))
    # I expect the shapes of the literature, float32, a bias of convolutions only where it is of use,
    shapes = {f"norm{block}.{each}": (64,) for block in range(4) for each in ("weight", "bias")}
    shapes |= {f"conv{block}.weight": (64, 64 if block else 1, 3, 3) for block in range(4)}
    shapes |= {f"conv{block}.bias": (64,) for block in range(4)} if norm != "batch" else {}
    shapes |= {"head.weight": (5, 64), "head.bias": (5,)}
    assert {name: tuple(value.shape) for name, value in fresh.items()} == shapes
    assert all(value.dtype == torch.float32 and value.is_contiguous() for value in fresh.values())
    # normalisation at the identity, the rest uniform in ±1/sqrt(fan-in),
    for name, value in fresh.items():
        if name.startswith("norm"):
            assert torch.equal(value, torch.full((64,), float(name.endswith("weight"))))
            continue
        bound = (64 if name.startswith("head") else 9 if name.startswith("conv0") else 9 * 64) ** -0.5
        assert value.abs().max() <= bound
        if value.numel() > 500:
            assert value.abs().max() > 0.98 * bound
            assert value.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    # and all of it to depend on the generator alone.
    torch.manual_seed(7)
    again, other = classifier.init(torch_generator("fresh")), classifier.init(torch_generator("other"))
    assert all(torch.equal(again[name], value) for name, value in fresh.items())
    assert all(not torch.equal(other[name], value) for name, value in fresh.items() if not name.startswith("norm"))


def test_a_bias_of_a_convolution_is_of_no_use_under_batch_norm():
    # Given a constant added before batch normalisation, I expect it to be subtracted again.
    x, weight, bias = random_of(4, 8, 3, 3), random_of(8, seed=1), random_of(8, seed=2)
    moved = normalise("batch", x + random_of(1, 8, 1, 1, seed=3), weight, bias)
    assert torch.allclose(moved, normalise("batch", x, weight, bias), rtol=0, atol=1e-12)


@given(st.integers(1, 4), st.integers(1, 500), st.integers(0, 2**32))
def test_uniform_is_within_its_bound(rows, fan_in, seed):
    drawn = uniform((rows, 7), fan_in, torch_generator(seed))
    assert drawn.shape == (rows, 7)
    assert drawn.abs().max() <= fan_in**-0.5


@pytest.mark.parametrize("channels", [1, 4, 12, 63])
def test_groups_must_divide_the_channels(channels):
    with pytest.raises(ValidationError, match=f"needs channels divisible by 8, not {channels}"):
        Conv4Config(channels=channels, norm="group")
    assert Conv4Config(channels=channels, norm="layer").channels == channels
