"""Networks against the textbook and torch's own modules; normalisations with plain means and variances."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phiforge.learners.base import task_loss
from phiforge.networks import build_network
from phiforge.networks.base import linear, uniform
from phiforge.networks.conv4 import Conv4, Conv4Config
from phiforge.networks.headed import HEAD, Headed
from phiforge.networks.lstm import LstmState, init_lstm, lstm_cell, zero_state
from phiforge.networks.mlp import Mlp, MlpConfig
from phiforge.networks.normalisation import (
    GROUPS,
    PLAIN,
    Pass,
    init_norm,
    is_statistic,
    is_transductive,
    keeps_statistics,
    mean_statistics,
    normalise,
)
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


def normalised(kind, x, weight, bias, at=PLAIN, **statistics):
    """``normalise`` by a layer that is written down in place."""
    entries = {"norm.weight": weight, "norm.bias": bias}
    entries |= {f"statistics/norm.{name}": value for name, value in statistics.items()}
    return normalise(kind, x, entries, "norm", at)


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
    assert torch.allclose(normalised(norm, x, weight, bias), expected, rtol=1e-10, atol=1e-10)


def test_normalisation_by_hand():
    # Given one channel of two images that hold 1 and 3, 5 and 7: mean 4, variance 5
    x = torch.tensor([1.0, 3.0, 5.0, 7.0], dtype=torch.float64).reshape(2, 1, 1, 2)
    scale, shift = torch.tensor([2.0], dtype=torch.float64), torch.tensor([1.0], dtype=torch.float64)
    found = normalised("batch", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([1 + 2 * each / 5**0.5 for each in (-3, -1, 1, 3)], rel=1e-5)
    # by itself each image has mean 2 or 6, and variance 1.
    found = normalised("layer", x, scale, shift).flatten().tolist()
    assert found == pytest.approx([-1, 3, -1, 3], rel=1e-4)
    assert normalised("none", x, scale, shift).flatten().tolist() == [3, 7, 11, 15]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_the_loss_reaches_every_parameter(norm, dtype):
    # Given a classifier and a labelled set
    classifier = Headed(Conv4Config(channels=8, norm=norm), SHAPE, 5)
    parameters = {name: value.requires_grad_() for name, value in parameters_of(classifier, dtype).items()}
    x, y = random_of(10, *SHAPE, dtype=dtype), torch.arange(5).repeat(2)
    # If its loss is differentiated, I expect a finite gradient, not zero, of each parameter, in its type.
    loss = task_loss(classifier.outputs(parameters, x), y)
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    assert loss.dtype == dtype
    for name, gradient in zip(parameters, gradients, strict=True):
        assert gradient.dtype == dtype, name
        assert gradient.isfinite().all(), name
        assert gradient.abs().max() > 0, name


@pytest.mark.parametrize("norm", NORMS)
def test_logits_and_loss(norm):
    # Given a classifier, I expect its head to be linear, and its loss minus the mean log-probability of the labels.
    classifier = Headed(Conv4Config(channels=8, norm=norm), SHAPE, 3)
    parameters, x, y = parameters_of(classifier), random_of(6, *SHAPE), torch.tensor([0, 1, 2, 2, 1, 0])
    logits = textbook_features(norm, parameters, x) @ parameters["head.weight"].T + parameters["head.bias"]
    assert torch.allclose(classifier.outputs(parameters, x), logits, rtol=1e-9, atol=1e-9)
    expected = -sum(torch.softmax(row, 0)[label].log() for row, label in zip(logits, y, strict=True)) / 6
    assert task_loss(classifier.outputs(parameters, x), y).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_fresh_parameters(norm):
    # Given fresh parameters of a network of 64 channels
    classifier = Headed(Conv4Config(norm=norm), SHAPE, 5)
    fresh = classifier.init(torch_generator("fresh"))
    # I expect the shapes of the literature, float32, a bias of convolutions only where it is of use,
    shapes = {f"norm{block}.{each}": (64,) for block in range(4) for each in ("weight", "bias")}
    shapes |= {f"conv{block}.weight": (64, 64 if block else 1, 3, 3) for block in range(4)}
    shapes |= {f"conv{block}.bias": (64,) for block in range(4)} if norm != "batch" else {}
    shapes |= {"head.weight": (5, 64), "head.bias": (5,)}
    assert classifier.outputs_count == 5
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
    moved = normalised("batch", x + random_of(1, 8, 1, 1, seed=3), weight, bias)
    assert torch.allclose(moved, normalised("batch", x, weight, bias), rtol=0, atol=1e-12)


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


# How far it pools


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


# Statistics

UNSEEN = Pass(training=False)
KEPT = ["running", "per_step"]


def statistics_of(channels, rows=None, seed=0):
    """Means and variances that no fresh network has."""
    shape = (channels,) if rows is None else (rows, channels)
    return {"mean": random_of(*shape, seed=seed), "var": random_of(*shape, seed=seed + 1).square() + 0.1}


def batch_norm_of(weight, bias, mean, var):
    """Torch's own module, as it is used after training."""
    module = torch.nn.BatchNorm2d(len(weight)).double().eval()
    tracked = {"running_mean": mean, "running_var": var, "num_batches_tracked": torch.tensor(1)}
    module.load_state_dict({"weight": weight, "bias": bias} | tracked)
    return module


def test_running_on_unseen_tasks_against_torch():
    # Given averages that training left in φ, I expect what torch's module gives with them,
    x, weight, bias, kept = random_of(4, 8, 3, 3), random_of(8, seed=1), random_of(8, seed=2), statistics_of(8)
    found = normalised("running", x, weight, bias, UNSEEN, **kept)
    assert torch.allclose(found, batch_norm_of(weight, bias, **kept)(x), rtol=1e-10, atol=1e-10)
    # for each image by itself, at every inner step.
    alone = torch.cat([normalised("running", each[None], weight, bias, UNSEEN, **kept) for each in x])
    assert torch.allclose(alone, found, rtol=0, atol=1e-12)
    later = normalised("running", x, weight, bias, Pass(step=7, training=False), **kept)
    assert torch.equal(later, found)


@pytest.mark.parametrize(("step", "row"), [(0, 0), (1, 1), (2, 2), (3, 2), (99, 2)])
def test_per_step_picks_the_row_of_its_step(step, row):
    # Given weights, biases and averages of a start and two inner steps
    x, weight, bias, kept = random_of(4, 8, 3, 3), random_of(3, 8, seed=1), random_of(3, 8, seed=2), statistics_of(8, 3)
    expected = batch_norm_of(weight[row], bias[row], kept["mean"][row], kept["var"][row])(x)
    # I expect those of the step at hand; steps beyond share the last.
    found = normalised("per_step", x, weight, bias, Pass(step, training=False), **kept)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-10)
    # In training, I expect the set's own statistics, with the weight and bias of the step.
    at = Pass(step, training=True)
    expected = textbook_norm("batch", x, weight[row], bias[row])
    assert torch.allclose(normalised("per_step", x, weight, bias, at, **kept), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KEPT)
def test_what_training_notes(kind):
    # Given two passes in training, after no and after two inner steps, with gradients wanted
    shape = (3, 8) if kind == "per_step" else (8,)
    weight, bias, noted = random_of(*shape, seed=1).requires_grad_(), random_of(*shape, seed=2), {}
    kept = statistics_of(8, 3 if kind == "per_step" else None)
    sets = [5 + 3 * random_of(4, 8, 3, 3, seed=seed).requires_grad_() for seed in (3, 4)]
    for step, x in zip((0, 2), sets, strict=True):
        normalised(kind, x, weight, bias, Pass(step, noted=noted), **kept)
    # I expect, by name of φ's entry, each pass's step and statistics, as torch's module gathers them in one go.
    assert noted.keys() == {"statistics/norm.mean", "statistics/norm.var"}
    for index, (step, x) in enumerate(zip((0, 2), sets, strict=True)):
        module = torch.nn.BatchNorm2d(8, momentum=1.0).double()
        module(x.detach())
        for name, expected in (("mean", module.running_mean), ("var", module.running_var)):
            at, value = noted[f"statistics/norm.{name}"][index]
            assert at == step
            assert not value.requires_grad
            assert torch.allclose(value, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["batch", "layer", "group", "none", *KEPT])
def test_what_is_kept(kind):
    # Given a fresh layer of a network of two inner steps, I expect statistics only where they are kept,
    fresh = init_norm(kind, "norm1", 16, 2)
    names = {"norm1.weight", "norm1.bias"}
    kept = {"statistics/norm1.mean", "statistics/norm1.var"} if kind in KEPT else set()
    assert fresh.keys() == names | kept
    assert {name for name in fresh if is_statistic(name)} == kept
    assert keeps_statistics(kind) == (kind in KEPT)
    assert is_transductive(kind) == (kind == "batch")
    # in the shapes that are documented, at the identity,
    assert {tuple(value.shape) for value in fresh.values()} == {(3, 16) if kind == "per_step" else (16,)}
    assert all(value.eq(float(name.endswith(("weight", "var")))).all() for name, value in fresh.items())
    # and nothing to be noted on unseen tasks, or where nothing is kept.
    at = Pass(training=kind not in KEPT, noted={})
    normalise(kind, random_of(2, 16, 3, 3, dtype=torch.float32), fresh, "norm1", at)
    assert at.noted == {}


def test_mean_statistics_by_hand():
    # Given what three passes saw: of a running average, and of averages per step, of which the second has no pass
    phi = {"statistics/a.mean": torch.zeros(2), "statistics/b.var": torch.tensor([[9.0], [8.0], [7.0]])}
    phi["a.weight"] = torch.ones(2)
    noted = {
        "statistics/a.mean": [
            (0, torch.tensor([1.0, 2.0])),
            (5, torch.tensor([3.0, 4.0])),
            (0, torch.tensor([5, 9.0])),
        ],
        "statistics/b.var": [(0, torch.tensor([2.0])), (2, torch.tensor([4.0])), (7, torch.tensor([6.0]))],
    }
    found = mean_statistics(phi, noted)
    # I expect the mean of all passes, and of each step; steps beyond the last are of the last, the one without stays.
    assert {name: value.tolist() for name, value in found.items()} == {
        "statistics/a.mean": [3.0, 5.0],
        "statistics/b.var": [[2.0], [8.0], [5.0]],
    }
    # φ is not touched, and nothing noted means nothing to average.
    assert phi["statistics/b.var"].tolist() == [[9.0], [8.0], [7.0]]
    assert mean_statistics(phi, {}) == {}


@pytest.mark.parametrize("kind", KEPT)
def test_a_network_that_keeps_statistics(kind):
    # Given a network of two inner steps that keeps statistics, on unseen tasks
    network = build_network(Conv4Config(channels=8, norm=kind), SHAPE, inner_steps=2)
    parameters, x = parameters_of(network), random_of(5, *SHAPE)
    together = network.features(parameters, x, UNSEEN)
    # I expect each image to be looked at by itself,
    assert not network.transductive
    alone = torch.cat([network.features(parameters, each[None], UNSEEN) for each in x])
    assert torch.allclose(alone, together, rtol=0, atol=1e-12)
    # convolutions without a bias, and in training what batch normalisation gives, noted of all four layers.
    assert not any(name.startswith("conv") and name.endswith("bias") for name in parameters)
    at = Pass(noted={})
    rows = {name: value[0] if kind == "per_step" and "norm" in name else value for name, value in parameters.items()}
    expected = network_of("batch").features(rows, x)
    assert torch.allclose(network.features(parameters, x, at), expected, rtol=1e-10, atol=1e-10)
    assert at.noted.keys() == {f"statistics/norm{block}.{name}" for block in range(4) for name in ("mean", "var")}


# Mlp


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


# LSTM


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


# Heads


@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize(
    ("config", "shape"), [(Conv4Config(channels=8, pools=3), SHAPE), (MlpConfig(width=6), (1,))], ids=["conv4", "mlp"]
)
def test_headed_against_torch(config, shape, outputs):
    # Given a network with a head, I expect its parameters and the head's,
    model, network = Headed(config, shape, outputs), build_network(config, shape)
    fresh = {name: value.double() for name, value in model.init(torch_generator(0)).items()}
    body = network.init(torch_generator(0))
    assert fresh.keys() == {*body, *HEAD}
    assert all(torch.equal(fresh[name], value.double()) for name, value in body.items())
    assert model.init_head(torch_generator(0)).keys() == set(HEAD)
    assert model.transductive == network.transductive
    # and outputs that torch's own linear layer makes of the features.
    x, module = random_of(6, *shape), torch.nn.Linear(network.feature_count, outputs).double()
    module.load_state_dict({name.removeprefix("head."): fresh[name] for name in HEAD})
    assert torch.allclose(model.outputs(fresh, x), module(network.features(fresh, x)), rtol=1e-12, atol=1e-12)


def test_a_fresh_linear_layer():
    fresh = linear("name", 400, 3, torch_generator(0))
    assert {name: tuple(value.shape) for name, value in fresh.items()} == {"name.weight": (3, 400), "name.bias": (3,)}
    assert 0.049 < fresh["name.weight"].abs().max() <= 0.05
    assert fresh["name.bias"].abs().max() <= 0.05
