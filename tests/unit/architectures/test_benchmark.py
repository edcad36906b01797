"""Searches by a mixture on the enumerated space: their specs, and the page about them."""

from itertools import product

import pytest

from benchmarks.architectures.relaxed import SEARCHES, STUDY, spec_of
from benchmarks.architectures.relaxed_report import collapsed, written
from benchmarks.architectures.table import Row, Table
from phiforge.spec.cells.edges import OPERATIONS
from phiforge.spec.read import parse_spec
from phiforge_client.studies.submission import read_study


def found(name, seed, cell, discrete=0.5, version=50, seconds=10.0):
    return {
        "search": name,
        "seed": seed,
        "cell": cell,
        "weights": [0.9] * 3,
        "mixture": 0.75,
        "discrete": discrete,
        "version": version,
        "tasks": 400,
        "seconds": seconds,
    }


FOUND = [
    found("one level", 0, ["conv3x3", "conv3x3", "skip"], None),
    found("one level", 1, ["skip", "none", "skip"], None),
]


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_is_a_spec_of_the_enumerated_network(name):
    # Given a search, I expect a spec with the data of the study of all cells, on the skeleton of its network.
    spec, base = parse_spec(spec_of(name, SEARCHES[name], seed=2)), read_study(STUDY, []).base
    assert (spec.seed, spec.data.name, spec.data.split) == (2, base["data"]["name"], base["data"]["split"])
    skeleton = {field: base["learner"]["network"][field] for field in ("channels", "stages", "stem_stride")}
    assert skeleton == {field: getattr(spec.learner.network, field) for field in skeleton}
    assert (spec.learner.network.name, spec.learner.network.nodes) == ("relaxed_cell", 3)
    assert spec.outer.groups[0].pattern == "architecture.*"


def test_a_collapse_is_a_cell_without_convolution_or_mean():
    # Given every cell, I expect those of skips and nothing alone to have collapsed.
    every = list(product(OPERATIONS, repeat=3))
    assert sum(map(collapsed, every)) == 2**3
    assert collapsed(("skip", "none", "skip"))
    assert not collapsed(("skip", "pool3x3", "skip"))


def test_the_page_says_what_was_found_and_how_far_it_is_from_the_best():
    # Given two runs and a table in which a cell is worth the share of its 3x3 convolutions, if the page is written
    table = Table(Row(cell, 0, 0.0, cell.count("conv3x3") / 3, 1, 1, 1.0) for cell in product(OPERATIONS, repeat=3))
    lines = list(written(FOUND, ["one level"], table))
    # I expect collapses, skips and the mean regret of the search, of each run its own, and that of chance.
    assert "| one level | 1 of 2 | 3 of 6 | 75.0 % |  | 10 | 66.67 |" in lines
    assert "| one level | 0 | 50 | conv3x3 0.90 | conv3x3 0.90 | skip 0.90 | 75.0 % |  | 33.33 |" in lines
    assert any("regret of 80.00 in the mean" in line for line in lines)


def test_one_slow_run_says_nothing_of_a_search_and_a_start_is_said_to_be_one():
    # Given three runs of which one took long, and one was best before any training, if the page is written
    cell = ["conv3x3"] * 3
    runs = [
        found("DARTS", 0, cell, seconds=200.0),
        found("DARTS", 1, cell, seconds=12.0),
        found("DARTS", 2, cell, 0.5, 0),
    ]
    lines = list(written(runs, ["DARTS"], None))
    # I expect the median of the seconds, and the version of each.
    assert "| DARTS | 0 of 3 | 0 of 9 | 75.0 % | 50.0 % | 12 |  |" in lines
    assert [line.split(" | ")[2] for line in lines if line.startswith(("| DARTS | 1 |", "| DARTS | 2 |"))] == [
        "50",
        "0",
    ]


def test_the_page_says_how_shared_weights_rank_the_cells_that_were_drawn():
    # Given two searches by draws, whose shared weights rank cells as the table does and the other way round
    table = Table(Row(cell, 0, 0.0, cell.count("conv3x3") / 3, 1, 1, 1.0) for cell in product(OPERATIONS, repeat=3))
    drawn = {"skip skip skip": 0.1, "conv3x3 skip skip": 0.2, "conv3x3 conv3x3 skip": 0.3}
    reversed_ = dict(zip(drawn, sorted(drawn.values(), reverse=True), strict=True))
    runs = [
        found("ENAS", seed, ["conv3x3"] * 3) | {"drawn": each} for seed, each in enumerate((drawn, drawn, reversed_))
    ]
    # I expect correlations of 1, 1 and -1.
    assert "* ENAS: 0.33 (1.00, 1.00, -1.00), over 3, 3, 3 cells." in list(written(runs, ["ENAS"], table))


def test_without_a_table_the_page_knows_no_regret():
    # Given no table yet, I expect the same page with nothing there.
    lines = list(written(FOUND, ["one level"], None))
    assert "| one level | 1 of 2 | 3 of 6 | 75.0 % |  | 10 |  |" in lines
