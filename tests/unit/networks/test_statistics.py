"""Averages that meta-training leaves in φ: noted, averaged, and used on unseen tasks as torch's module uses them."""

import pytest
import torch

from phiforge.learning.networks import build_network
from phiforge.learning.networks.bases.normalisation import (
    Pass,
    init_norm,
    is_statistic,
    is_transductive,
    keeps_statistics,
    mean_statistics,
    normalise,
)
from phiforge.learning.networks.conv4 import Conv4Config
from tests.unit.networks.cases import SHAPE, network_of, normalised, parameters_of, random_of
from tests.unit.networks.textbook import textbook_norm

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
