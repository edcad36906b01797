"""The relaxed cell: a softmax of logits mixes operations, and one operation an edge is the discrete cell."""

import pytest
import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import NETWORKS, build_network
from phiforge.learning.networks.bases.relaxed import hardened, is_architecture, sharpened
from phiforge.spec.cells.edges import OPERATIONS
from tests.references import architecture as reference
from tests.unit.architectures.cases import NORMAL, RELAXED, chosen, parameters_of, searching
from tests.unit.cases import task_of

SHAPE = (1, 16, 16)


def network_of(**settings):
    raw = RELAXED | settings
    return build_network(NETWORKS[raw["name"]].Config.model_validate(raw), SHAPE)


@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("settings", [{}, {"nodes": 4, "cells": 2}, {"search_reduction": True, "stages": 3}])
def test_it_is_the_mixture_that_the_paper_writes(norm, settings):
    # Given logits that are far apart, if a network mixes by them at a temperature
    learner = searching(network=RELAXED | settings | {"norm": norm})
    phi, x = parameters_of(learner), task_of().query_x
    # I expect what an independent network makes of the same.
    found = learner.model.outputs(sharpened(phi, 0.5), x)
    assert torch.allclose(found, reference.outputs(phi, x, norm, 0.5), rtol=0, atol=1e-10)


@pytest.mark.parametrize("operations", [("conv3x3", "skip", "pool3x3"), ("conv1x1", "none", "conv3x3"), ["none"] * 3])
def test_one_operation_an_edge_is_the_discrete_cell(operations):
    # Given logits that say one operation of each edge, if all others are left out
    learner = searching()
    phi, x = chosen(parameters_of(learner), *operations), task_of().query_x
    found = learner.model.network.features(hardened(phi), x)
    # I expect the features of the discrete network, whose parameters are among those of the relaxed one.
    discrete = learner.model.network.discrete({"normal": operations})
    network = build_network(NETWORKS["cell"].Config.model_validate(discrete), SHAPE)
    assert set(network.init(torch_generator("fresh"))) <= set(phi)
    assert torch.allclose(found, network.features(phi, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("operations", [("conv3x3", "skip", "pool3x3"), ("conv1x1", "none", "conv3x3"), ["none"] * 3])
@pytest.mark.parametrize("settings", [{}, {"search_reduction": True, "stages": 3}])
def test_one_operation_an_edge_gives_the_numbers_of_the_mixture(settings, operations):
    # Given logits that say one operation of each edge, if they have a gradient, the mixture of all is computed;
    learner = searching(network=RELAXED | settings)
    phi, x = parameters_of(learner), task_of().query_x
    phi |= {name: chosen(phi, *operations)[NORMAL] for name in phi if is_architecture(name)}
    found = {}
    for mixed in (True, False):
        leaves = {name: value.detach().requires_grad_() for name, value in hardened(phi).items()}
        leaves |= {name: leaves[name].detach() for name in leaves if is_architecture(name) and not mixed}
        features = learner.model.network.features(leaves, x)
        weights = [value for name, value in leaves.items() if not is_architecture(name)]
        slopes = torch.autograd.grad(features.square().sum(), weights, allow_unused=True, materialize_grads=True)
        found[mixed] = (features.detach(), *slopes)
    # if they have none, one an edge: I expect the same numbers and gradients.
    for one, all_of_them in zip(found[False], found[True], strict=True):
        assert torch.allclose(one, all_of_them, rtol=1e-13, atol=1e-15)


def test_what_is_certain_can_still_be_differentiated():
    # Given logits that have a gradient and say one operation an edge, I expect that to be zero, and to be there.
    learner = searching()
    phi = hardened(chosen(parameters_of(learner), "conv3x3", "skip", "none"))
    logits = phi[NORMAL].requires_grad_()
    features = learner.model.network.features(phi, task_of().query_x)
    (slope,) = torch.autograd.grad(features.square().sum(), logits)
    assert not slope.any()


def test_what_is_not_chosen_is_not_computed():
    # Given parameters of the chosen operations alone, I expect features, where a mixture would miss the others.
    learner = searching()
    phi, x = chosen(parameters_of(learner), "conv3x3", "skip", "none"), task_of().query_x
    network = learner.model.network
    discrete = build_network(
        NETWORKS["cell"].Config.model_validate(network.discrete({"normal": ("conv3x3", "skip", "none")})), SHAPE
    )
    own = {name: phi[name] for name in discrete.init(torch_generator("fresh"))}
    assert torch.equal(network.features(own | {NORMAL: hardened(phi)[NORMAL]}, x), discrete.features(own, x))
    with pytest.raises(KeyError):
        network.features(own | {NORMAL: phi[NORMAL]}, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.01, 1.0, 100.0])
def test_what_is_certain_is_so_at_any_temperature(temperature, dtype):
    # Given one operation an edge, I expect weights 0 and 1 to the bit, and logits that can be computed with.
    hard = hardened({NORMAL: parameters_of(searching())[NORMAL].to(dtype)})
    weights = sharpened(hard, temperature)[NORMAL].softmax(dim=-1)
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    assert (hard[NORMAL] - hard[NORMAL]).abs().sum() == 0


def test_fresh_logits_are_nearly_alike_and_no_two_the_same():
    # Given fresh parameters, I expect logits [edges, operations] that break ties and say nothing yet.
    network = network_of(nodes=4, search_reduction=True)
    fresh = network.init(torch_generator("fresh"))
    logits = {name: value for name, value in fresh.items() if is_architecture(name)}
    assert {name: value.shape for name, value in logits.items()} == dict.fromkeys(
        ("architecture.normal", "architecture.reduction"), (6, len(OPERATIONS))
    )
    every = torch.cat([value.flatten() for value in logits.values()])
    assert len(set(every.tolist())) == len(every)
    assert float(every.abs().max()) < 0.01


def test_sharpening_nears_one_operation():
    # Given a temperature near 0, I expect the largest weight of each edge to near 1, and what is no logit to stay.
    phi = parameters_of(searching())
    weights = [sharpened(phi, each)[NORMAL].softmax(dim=1).amax(dim=1) for each in (1.0, 0.1, 0.001)]
    assert (weights[0] < weights[1]).all()
    assert torch.allclose(weights[2], torch.ones_like(weights[2]))
    assert all(torch.equal(sharpened(phi, 0.1)[name], value) for name, value in phi.items() if name != NORMAL)
