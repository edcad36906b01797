"""What is shown of a network of cells: its cost, its cells in words, and a picture."""

import pytest
from PIL import Image

from phiforge.base.errors import RunError
from phiforge.spec.read import parse_spec
from phiforge_client.cells.found import draw_network, network_json

CELLS = {"name": "cell", "channels": 2, "stages": 1, "normal": {"0-1": "conv1x1", "0-2": "skip", "1-2": "none"}}


def recorded(network, **learner):
    return parse_spec({"learner": {"name": "maml", **learner, "network": network}}).model_dump(mode="json")


def test_a_network_of_cells_is_shown():
    # Given a recorded spec of a network of cells on glyphs of 28x28, I expect what it costs and what nodes are made of.
    [(name, shown)] = network_json(recorded(CELLS)).items()
    assert name == "network"
    assert shown["parameters"] == 18 + 4 + 3 * 2 * 2
    assert shown["flops"] == 2 * 18 * 28 * 28
    assert shown["normal"] == ["node 1 = conv1x1(0)", "node 2 = skip(0)"]
    assert "reduction" not in shown
    # Of other networks, and of learners without one, I expect nothing.
    assert network_json(recorded({"name": "conv4"})) == {}
    assert network_json({"learner": {"name": "pixel_nearest_neighbour"}}) == {}


def test_normalisation_of_each_step_counts_for_each():
    once = network_json(recorded(CELLS))["network"]["parameters"]
    steps = network_json(recorded(CELLS | {"norm": "per_step"}, inner_steps=4))["network"]["parameters"]
    assert steps == once + 4 * 3 * 2 * 2


@pytest.mark.parametrize("nodes", [2, 3, 4, 6])
def test_cells_are_drawn(tmp_path, nodes):
    # Given a network of two kinds of cells, if it is drawn, I expect a picture that is not empty, of both.
    raw = recorded(CELLS | {"nodes": nodes, "normal": {}, "reduction": {}})
    draw_network(raw, "run-1", tmp_path / "out" / "cells.png")
    with Image.open(tmp_path / "out" / "cells.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert picture.height > 400
        assert len(colours) > 20
    # If it is of other operations, I expect another picture.
    draw_network(recorded(CELLS | {"nodes": nodes, "normal": {"0-1": "skip"}}), "run-1", tmp_path / "other.png")
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "out" / "cells.png").read_bytes()


def test_what_has_no_cells_is_not_drawn(tmp_path):
    with pytest.raises(RunError, match="the network of run-1 is 'conv4', which has no cells to draw; leave --png out"):
        draw_network(recorded({"name": "conv4"}), "run-1", tmp_path / "cells.png")
    assert list(tmp_path.iterdir()) == []
