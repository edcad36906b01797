"""Cells in a spec: their edges, what they cost, how they are said, and what is wrong with one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import SpecError
from phiforge.search.read import parse_study
from phiforge.spec.cells.config import CellConfig
from phiforge.spec.cells.counts import counts
from phiforge.spec.cells.edges import OPERATIONS, edges_of, live_edges
from phiforge.spec.cells.words import equations
from phiforge.spec.explain import explain
from phiforge.spec.read import parse_spec


def spec_of(**network):
    return {"learner": {"name": "maml", "network": {"name": "cell", **network}}}


def test_edges_are_in_order_of_where_they_go_to():
    assert edges_of(2) == ["0-1"]
    assert edges_of(4) == ["0-1", "0-2", "1-2", "0-3", "1-3", "2-3"]


def test_an_edge_that_is_not_named_is_a_convolution():
    # Given a spec that names one edge, I expect it to say all, in order, also when it is read again.
    network = parse_spec(spec_of(nodes=4, normal={"2-3": "skip"}, reduction={"0-2": "none"})).learner.network
    assert list(network.normal) == list(network.reduction) == edges_of(4)
    assert [edge for edge, operation in network.normal.items() if operation != "conv3x3"] == ["2-3"]
    assert network.reduction["0-2"] == "none"
    assert CellConfig.model_validate(network.model_dump(mode="json")) == network


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        ({"normal": {"0-3": "skip"}}, "normal.0-3: there is no such edge of 3 nodes; allowed: 0-1, 0-2, 1-2"),
        ({"reduction": {"1-0": "skip"}}, "reduction.1-0: there is no such edge of 3 nodes"),
        ({"normal": {"0-1": "conv5x5"}}, "normal.0-1: Input should be 'none', 'skip', 'conv1x1', 'conv3x3' or"),
        ({"normal": "skip"}, "normal: Input should be a valid dictionary"),
        ({"norm": "group", "channels": 12}, "norm 'group' needs channels divisible by 8, not 12"),
        ({"channels": 1024, "stages": 4}, "the last stage has 8192 channels; allowed: 4096 or fewer"),
        ({"nodes": 1}, "nodes: Input should be greater than or equal to 2"),
    ],
)
def test_what_is_wrong_with_a_network(network, problem):
    with pytest.raises(SpecError) as refused:
        parse_spec(spec_of(**network))
    [said] = refused.value.problems
    assert said.startswith("learner.network")
    assert problem in said


def test_problems_are_in_the_order_of_the_spec():
    # Given many edges that are not there, I expect them in the order in which the spec names them, in every process.
    edges = [f"0-{node}" for node in range(30, 10, -1)]
    with pytest.raises(SpecError) as refused:
        parse_spec(spec_of(normal=dict.fromkeys(edges, "skip")))
    assert [said.partition(": ")[0].rpartition(".")[2] for said in refused.value.problems] == edges


def test_images_that_are_halved_away():
    # Given images of 16 pixels and a network that divides sides by 32, I expect to read which are allowed.
    raw = spec_of(stages=4, stem_stride=4) | {"data": {"name": "glyphs", "image_size": 16}}
    with pytest.raises(SpecError, match="divides the image's sides by 32; allowed: 32 or more"):
        parse_spec(raw)


def test_a_space_may_set_each_edge():
    # Given a study whose space has edges, I expect each value to be checked as a run's would be.
    space = {f"learner.network.normal.{edge}": {"type": "choice", "values": list(OPERATIONS)} for edge in edges_of(3)}
    study = parse_study({"base": spec_of(), "space": space, "proposer": {"name": "grid"}})
    assert len(study.points) == 3
    wrong = {"learner.network.normal.0-4": {"type": "choice", "values": ["skip", "conv3x3"]}}
    with pytest.raises(SpecError) as refused:
        parse_study({"base": spec_of(), "space": space | wrong, "proposer": {"name": "grid"}})
    assert any(
        each.startswith("space.learner.network.normal.0-4: there is no such edge") for each in refused.value.problems
    )


def test_counts_by_hand():
    # Given 8x8 images, 2 channels in one stage of one cell: a 3x3 and a 1x1 convolution, and what costs nothing
    config = CellConfig(channels=2, stages=1, normal={"0-1": "conv3x3", "0-2": "skip", "1-2": "conv1x1"}, stem_stride=2)
    # I expect the stem (1 x 2 x 9), the cell's (36 and 4), and a scale and a shift of 2 maps after each and at the end;
    # and 2 FLOPs for each weight at each of 4x4 places.
    assert counts(config, (1, 8, 8)) == (18 + 36 + 4 + 4 * 2 * 2, 2 * (18 + 36 + 4) * 16)
    # If the second stage has twice as many, at a quarter of the places, behind a residual block
    wider = CellConfig(**config.model_dump() | {"stages": 2})
    more = 2 * 4 * 9 + 4 * 4 * 9 + 2 * 4
    assert counts(wider, (1, 8, 8)) == (
        18 + 36 + 4 + more + 144 + 16 + 2 * (3 * 2 + 4 * 4 + 4),
        2 * (18 + 36 + 4) * 16 + 2 * (more + 144 + 16) * 4,
    )
    # If nothing comes after the large convolution, I expect its parameters, but not its FLOPs.
    dead = CellConfig(**config.model_dump() | {"normal": {"0-1": "conv3x3", "0-2": "skip", "1-2": "none"}})
    assert counts(dead, (1, 8, 8)) == (18 + 36 + 3 * 2 * 2, 2 * 18 * 16)


@given(
    st.integers(2, 5).flatmap(
        lambda nodes: st.fixed_dictionaries(dict.fromkeys(edges_of(nodes), st.sampled_from(OPERATIONS)))
    )
)
def test_live_edges_are_those_on_a_way_to_the_end(edges):
    # Given any cell, I expect of each edge that it is live if and only if a way from it leads to the last node.
    last = max(int(edge[2]) for edge in edges)

    def leads(node):
        return node == last or any(leads(int(e[2])) for e, o in edges.items() if int(e[0]) == node and o != "none")

    assert live_edges(edges) == [e for e in edges_of(last + 1) if edges[e] != "none" and leads(int(e[2]))]


def test_a_cell_in_words():
    edges = {"0-1": "conv3x3", "0-2": "skip", "1-2": "pool3x3"}
    assert equations(edges) == ["node 1 = conv3x3(0)", "node 2 = skip(0) + pool3x3(1)"]
    assert equations(dict.fromkeys(edges, "none")) == ["node 1 = 0", "node 2 = 0"]


def test_edges_are_explained_as_a_mapping():
    fields = {each.name: each for each in explain("learner.prototypical.network.cell").fields}
    assert fields["normal"].type == "mapping to one of none, skip, conv1x1, conv3x3, pool3x3"
