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
