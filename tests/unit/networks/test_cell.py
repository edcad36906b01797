"""Networks of cells: against torch's modules, by choices and by weights of all operations, and what stands still."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks import build_network
from phiforge.learning.networks.bases.normalisation import is_statistic
from phiforge.learning.networks.cell import CellConfig, CellWeights
from phiforge.spec.cells.counts import counts
from phiforge.spec.cells.edges import OPERATIONS, edges_of
from tests.unit.networks import modules
from tests.unit.networks.cases import parameters_of, random_of

CONSTANT = dict.fromkeys(edges_of(3), "none")


@st.composite
def configurations(draw):
    """Any small network of cells."""
    nodes, operations = draw(st.integers(2, 4)), st.sampled_from(OPERATIONS)
    edges = st.fixed_dictionaries(dict.fromkeys(edges_of(nodes), operations))
    sizes = {name: draw(st.integers(1, 2)) for name in ("cells", "widen", "stem_stride")}
    return CellConfig(
        nodes=nodes,
        normal=draw(edges),
        reduction=draw(st.none() | edges),
        stages=draw(st.integers(1, 3)),
        channels=3,
        average=draw(st.booleans()),
        **sizes,
    )


def one_hot(edges):
    """The weights that choose what ``edges`` says."""
    rows = [[float(each == operation) for each in OPERATIONS] for operation in edges.values()]
    return torch.tensor(rows, dtype=torch.float64)


def chosen(config):
    return CellWeights(one_hot(config.normal), None if config.reduction is None else one_hot(config.reduction))


@settings(max_examples=25, deadline=None)
@given(configurations(), st.integers(8, 13), st.integers(8, 13))
def test_features_against_modules(config, height, width):
    # Given any network of cells and its like of torch's own modules with the same weights, on images of any sides
    network, x = build_network(config, (2, height, width)), random_of(4, 2, height, width)
    module, named = modules.network_of(config, image_channels=2)
    parameters = parameters_of(network)
    modules.load(named, parameters)
    # If both look at images, I expect the same maps,
    with torch.no_grad():
        maps = module(x)
    assert network.map_shape == maps.shape[1:]
    assert torch.allclose(network.feature_map(parameters, x), maps, rtol=1e-9, atol=1e-9)
    # of which the features are the means or the places,
    features = maps.mean((2, 3)) if config.average else maps.flatten(1)
    assert network.feature_count == features.shape[1]
    assert torch.allclose(network.features(parameters, x), features, rtol=1e-9, atol=1e-9)
    # and no parameters but those of the modules.
    assert sum(value.numel() for value in parameters.values()) == sum(each.numel() for each in module.parameters())


@settings(max_examples=25, deadline=None)
@given(configurations())
def test_a_choice_is_the_one_hot_case(config):
    # Given parameters of all operations on all edges, if a network runs by weights of 0 and 1
    network, x = build_network(config, (1, 9, 9)), random_of(3, 1, 9, 9)
    parameters = parameters_of_all(network)
    # I expect what its choices give.
    by_weights = network.features_by(chosen(config), parameters, x)
    assert torch.allclose(by_weights, network.features(parameters, x), rtol=0, atol=1e-12)


def parameters_of_all(network):
    fresh = network.init_all(torch_generator("all"))
    return {name: value.double() + 0.1 * random_of(*value.shape) for name, value in fresh.items()}


def test_weights_of_two_operations():
    # Given a cell of one edge, if it weighs a convolution by 0.3 and skipping by 0.7
    config = CellConfig(nodes=2, stages=1, channels=3, average=False)
    network, x = build_network(config, (1, 6, 6)), random_of(4, 1, 6, 6)
    parameters = parameters_of_all(network)
    weights = torch.zeros(1, len(OPERATIONS), dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        weights[0, OPERATIONS.index("conv3x3")], weights[0, OPERATIONS.index("skip")] = 0.3, 0.7
    found = network.features_by(CellWeights(weights), parameters, x)
    # I expect the mixture of both, normalised,
    at = dict(parameters)
    mixed = 0.0
    for operation, weight in (("conv3x3", 0.3), ("skip", 0.7)):
        module, named = modules.network_of(CellConfig(**config.model_dump() | {"normal": {"0-1": operation}}))
        modules.load(named, at)
        with torch.no_grad():
            mixed = mixed + weight * module[2](module[1](module[0](x)))
            last = torch.relu(module[3](mixed)).flatten(1)
    assert torch.allclose(found, last, rtol=1e-9, atol=1e-9)
    # and a gradient for each weight but that of none, which adds nothing.
    [slope] = torch.autograd.grad((found * random_of(*found.shape, seed=2)).sum(), weights)
    assert slope[0, OPERATIONS.index("none")] == 0
    assert all(slope[0, OPERATIONS.index(name)] != 0 for name in OPERATIONS if name != "none")


def test_what_is_not_heard_of_is_not_computed():
    # Given a cell whose only convolution leads to a node that nothing comes after
    edges = {"0-1": "conv3x3", "0-2": "skip", "1-2": "none"}
    network = build_network(CellConfig(normal=edges, channels=3, stages=1), (1, 8, 8))
    parameters, x = parameters_of(network), random_of(3, 1, 8, 8)
    # If its weight is no number, I expect features all the same.
    broken = parameters | {"conv.stage0.cell0.0-1.conv3x3.weight": torch.full((3, 3, 3, 3), float("nan")).double()}
    assert torch.equal(network.features(broken, x), network.features(parameters, x))


def test_a_network_that_does_not_look_at_its_input():
    # Given a network of cells in which nothing leads from the first node to the last
    network = build_network(CellConfig(normal=CONSTANT, channels=3), (1, 8, 8))
    parameters = {name: value.requires_grad_() for name, value in parameters_of(network).items()}
    found = network.features(parameters, random_of(4, 1, 8, 8))
    # I expect the same features of all images, and gradients that are numbers, also twice.
    assert torch.allclose(found, found[:1].expand_as(found), rtol=0, atol=1e-12)
    leaves = list(parameters.values())
    first = torch.autograd.grad(found.square().sum(), leaves, create_graph=True, materialize_grads=True)
    total = sum(each.square().sum() for each in first)
    second = torch.autograd.grad(total, leaves, materialize_grads=True)
    assert all(each.isfinite().all() for each in (*first, *second))


@pytest.mark.parametrize("norm", ["batch", "running", "per_step", "layer", "none"])
def test_engine_vmap_computes_the_same(norm):
    # Given two sets of images at once, I expect of each what plain torch gives, and gradients alike.
    config = CellConfig(
        channels=3, norm=norm, stages=2, normal={"0-1": "conv1x1", "0-2": "pool3x3"}, reduction={"0-1": "conv1x1"}
    )
    plain, mapped = (build_network(config, (1, 9, 9), 1, engine) for engine in ("torch", "vmap"))
    parameters, sets = parameters_of(plain), random_of(2, 3, 1, 9, 9)
    found = torch.func.vmap(lambda x: torch.func.grad(lambda at: mapped.features(at, x).square().sum())(parameters))(
        sets
    )
    for index, x in enumerate(sets):
        leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
        total = plain.features(leaves, x).square().sum()
        expected = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
        for name, slope in zip(leaves, expected, strict=True):
            assert torch.allclose(found[name][index], slope, rtol=1e-8, atol=1e-10), name


def test_an_inner_loop_leaves_each_steps_normalisation():
    network = build_network(CellConfig(channels=3, norm="per_step"), (1, 8, 8), 2)
    still = {name for name in network.init(torch_generator(0)) if not network.adapts(name)}
    assert still == {name for name in network.init(torch_generator(0)) if name.startswith(("norm.", "statistics/"))}


@settings(max_examples=25, deadline=None)
@given(configurations(), st.sampled_from(["batch", "running", "per_step", "layer", "none"]))
def test_counts_are_what_torch_counts(config, norm):
    # Given any network of cells, with its averages aside
    config = CellConfig(**config.model_dump() | {"norm": norm})
    network, image = build_network(config, (1, 9, 12), 2), torch.zeros(1, 1, 9, 12)
    parameters = {name: value for name, value in network.init(torch_generator(0)).items() if not is_statistic(name)}
    # I expect as many parameters as there are, and the FLOPs that torch sees.
    found = counts(config, (1, 9, 12), norms=3 if norm == "per_step" else 1)
    assert found.parameters == sum(value.numel() for value in parameters.values())
    with FlopCounterMode(display=False) as counter:
        network.features(network.init(torch_generator(0)), image.expand(2, -1, -1, -1))
    assert found.flops == counter.get_total_flops() / 2
