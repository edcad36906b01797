"""The benchmark of the larger space: what is trained beside what was found, and what its page says."""

import random

from benchmarks.architectures.larger import (
    BUDGET,
    STUDY,
    Arm,
    arms,
    channels_of,
    conv4,
    of_equal_time,
    parameters_of,
    spec_of,
    with_operations,
)
from benchmarks.architectures.larger_report import CHANCE, CONV4, FOUND, SLOWER, written
from phiforge.spec.cells.edges import edges_of
from phiforge.spec.read import parse_spec
from phiforge_client.studies.submission import read_study

EDGES = edges_of(4)
NETWORK = read_study(STUDY, []).base["learner"]["network"] | {
    "normal": dict.fromkeys(EDGES, "conv3x3"),
    "reduction": dict.fromkeys(EDGES, "skip"),
}


def test_all_that_is_trained_is_a_run():
    # Given cells that were found, I expect theirs, Conv-4's and those of chance, for each seed, each a run's spec.
    found = arms(NETWORK, 2)
    assert [(each.name, each.seed) for each in found] == [
        (name, seed) for seed in range(2) for name in (FOUND, CHANCE, CONV4)
    ]
    specs = [parse_spec(spec_of(each)) for each in found]
    assert len({spec.hash for spec in specs}) == len(specs)
    assert {spec.outer.versions for spec in specs} == {BUDGET}


def test_conv4_is_as_large_as_what_was_found():
    # Given a number of parameters, I expect the Conv-4 that comes nearest.
    assert channels_of(parameters_of(conv4(32))) == 32
    assert channels_of(parameters_of(conv4(32)) + 10) == 32


def test_equal_time_is_as_many_tasks_as_fit():
    # Given Conv-4 in a third of the time, I expect three times as many versions of the same network.
    rows = [
        {"arm": name, "seed": seed, "seconds": seconds, "network": network}
        for name, seconds, network in ((FOUND, 300.0, NETWORK), (CONV4, 100.0, conv4(32)))
        for seed in range(3)
    ]
    assert of_equal_time(rows, 2) == [Arm(SLOWER, seed, conv4(32), 3 * BUDGET) for seed in range(2)]


def test_cells_at_random_keep_their_skeleton():
    # Given cells, if their operations are drawn, I expect others on the same edges, and all else as it was.
    other = with_operations(NETWORK, random.Random(0).choice)
    assert other["normal"] != NETWORK["normal"]
    assert {name: value for name, value in other.items() if name not in ("normal", "reduction")} == {
        name: value for name, value in NETWORK.items() if name not in ("normal", "reduction")
    }
    assert list(other["reduction"]) == EDGES


def test_the_page():
    # Given a search of 25 trials and three seeds of each network, if the page is written
    values = [0.1, None, 0.3, 0.2, *[0.25] * 21]
    rows = [
        {
            "arm": name,
            "parameters": size + chance,
            "tasks": 2000,
            "five": five + seed / 100,
            "twenty": 0.9,
            "seconds": 9.6,
        }
        for name, size, five in ((FOUND, 500, 0.96), (CHANCE, 400, 0.5), (CONV4, 510, 0.94), (SLOWER, 510, 0.95))
        for seed in range(3)
        for chance in [seed if name == CHANCE else 0]
    ]
    search = {"minutes": 45.0, "values": values, "trial": 2, "network": NETWORK}
    lines = "\n".join(written({"search": search, "rows": rows})).splitlines()
    # I expect the best so far after 1, 2, 5, 10, 20 and all trials, the cells in words, and means with intervals.
    assert [line for line in lines if line.endswith("0 % |") and line.count("|") == 3] == [
        *("| 1 | 10.0 % |", "| 2 | 10.0 % |", "| 5 | 30.0 % |", "| 10 | 30.0 % |", "| 20 | 30.0 % |", "| 25 | 30.0 % |")
    ]
    assert f"| {FOUND} | 500 | 2,000 | 97.00 ± 2.48 % | 90.00 ± 0.00 % | 10 |" in lines
    assert f"| {CHANCE} | 400 to 402 | 2,000 | 51.00 ± 2.48 % | 90.00 ± 0.00 % | 10 |" in lines
    assert sum(line.startswith(("* normal cell: ", "* reduction cell: ")) for line in lines) == 2
