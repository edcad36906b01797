"""Searches on a table of all cells: read and written whole, regret by hand, and a page that says what was found."""

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.architectures.figures import against, quartiles
from benchmarks.architectures.report import Searched, written
from benchmarks.architectures.searches import SEARCHES, Plan, regrets, search_of
from benchmarks.architectures.table import TABLE, Row, Table, read, write
from phiforge.search.read import parse_study
from phiforge.spec.cells.edges import OPERATIONS
from phiforge_client.studies.submission import read_study

ROOT = Path(__file__).parents[2]
WORTH = dict(zip(OPERATIONS, (0.0, 0.02, 0.05, 0.1, 0.03), strict=True))


def row(cell, seed):
    """A made-up cell: each operation is worth something on each edge, and test tasks are a little harder."""
    value = 0.4 + sum(WORTH[each] * (place + 1) for place, each in enumerate(cell))
    return Row(cell, seed, value + 0.01 * seed, value - 0.01 * seed, 100, 2000, 1.5)


@pytest.fixture(scope="module")
def made_up():
    return Table(row(cell, seed) for cell in product(OPERATIONS, repeat=3) for seed in range(2))


def test_a_table_is_read_as_it_was_written(tmp_path, made_up):
    write(list(made_up.rows.values()), tmp_path / "cells.csv")
    assert read(tmp_path / "cells.csv").rows == made_up.rows


def test_regret_by_hand(made_up):
    # Given the made-up table, I expect the best cell to be the one of 3x3 convolutions, on test tasks over seeds,
    best = ("conv3x3",) * 3
    assert made_up.best() == best
    assert made_up.truth(best) == pytest.approx(1.0 - 0.005)
    # and the regret of another to be what it is worth less.
    assert made_up.regret(("conv3x3", "conv3x3", "skip")) == pytest.approx(3 * 0.08)
    within, between = made_up.spreads()
    assert within == pytest.approx(0.005 * 2**0.5)
    assert between == pytest.approx(np.std([made_up.truth(cell) for cell in made_up.cells]))


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_a_pure_function_of_its_repetition(made_up, name):
    # Given a search on the table
    plan = Plan(evaluations=20, generation=4)
    found = regrets(made_up, search_of(name), plan, repetition=3)
    # I expect a regret after each evaluation, none below zero, the same again, and others in another repetition.
    assert len(found) == 20
    assert min(found) >= 0
    assert regrets(made_up, search_of(name), plan, repetition=3) == found
    assert regrets(made_up, search_of(name), plan, repetition=4) != found


def test_a_search_that_learns_is_ahead_of_random(made_up):
    # Given a table in which each edge counts by itself, I expect evolution to end ahead of random search.
    plan = Plan(evaluations=60)
    ends = {
        name: [regrets(made_up, search_of(name), plan, each)[-1] for each in range(12)]
        for name in ("random", "regularised_evolution")
    }
    assert against(ends["regularised_evolution"], ends["random"]).ahead > 0.6


def test_who_is_ahead():
    assert against([0.0] * 10, [1.0] * 10).verdict == "ahead"
    assert against([0.0] * 10, [1.0] * 10).ahead == 1
    assert against([1.0] * 10, [0.0] * 10).verdict == "behind"
    assert against([0.0, 1.0], [0.0, 1.0]) == (0.5, pytest.approx(1.0))
    assert quartiles(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])).tolist() == [[1.0], [2.0], [3.0]]


def test_the_page(made_up):
    # Given curves of two searches, I expect a page with the best cell first, and each search beside random.
    curves = {"random": np.full((6, 30), 0.1), "tpe": np.full((6, 30), 0.02)}
    text = "\n".join(written(made_up, [Searched(Plan(30, 1, 6), curves, "page.png")]))
    assert "All 125 cells of three edges were trained with 2 seeds each" in text
    assert re.search(r"\| 1 \| conv3x3 \| conv3x3 \| conv3x3 \| 99\.5 %", text)
    assert re.search(r"\| tpe \| 2\.00 \(2\.00 to 2\.00\) .* 1\.00 ahead", text)
    assert "page.png" in text
    # Of the mean over cells with none on the last edge, by hand: what the other two edges are worth on average.
    mean = 0.4 + 3 * sum(WORTH.values()) / 5 - 0.005
    assert f"| on 1-2 | {100 * mean:.1f} % |" in text


def test_seconds_of_a_cell_are_a_mean_over_seeds_as_its_accuracy_is(made_up):
    # Given a table whose second seed took longer, I expect the page to show the mean.
    rows = [each._replace(seconds=1.0 + 3 * each.seed) for each in made_up.rows.values()]
    text = "\n".join(written(Table(rows), [Searched(Plan(1, 1, 1), {"random": np.zeros((1, 1))})]))
    assert re.search(r"\| 1 \| conv3x3 .* \| 2\.5 \|", text)


def test_the_command_writes_a_page_and_pictures(tmp_path, made_up):
    # Given a table in a file, if searches are repeated on it, I expect a page, and pictures beside it.
    write(list(made_up.rows.values()), tmp_path / "cells.csv")
    options = ["--evaluations", "12", "--generation", "4", "--repetitions", "2", "--table", str(tmp_path / "cells.csv")]
    command = [sys.executable, "-m", "benchmarks.architectures", "regret", *options]
    subprocess.run([*command, "--output", str(tmp_path / "page.md")], cwd=ROOT, check=True, capture_output=True)
    page = (tmp_path / "page.md").read_text()
    assert all(f"| {name} |" in page for name in SEARCHES)
    assert "over 2 seeds" in page
    for picture in ("page-1.png", "page-2.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_the_study_is_of_all_cells():
    # Given the ready-made study, I expect each cell with each of three seeds once, and all to be what a run may be.
    study = read_study(ROOT / "specs" / "studies" / "cells.yaml", [])
    assert parse_study(study.to_json()).hash == study.hash
    sizes = {field: each.size for field, each in study.space.items()}
    assert sizes == {f"learner.network.normal.{edge}": 5 for edge in ("0-1", "0-2", "1-2")} | {"seed": 3}
    assert study.budget.trials == 5**3 * 3


def test_the_table_that_is_kept_is_whole():
    kept = read(TABLE)
    assert len(kept.cells) == 5**3
    assert len(kept.rows) == 5**3 * len(kept.seeds) == 5**3 * 3
    assert all(0 <= each.validation <= 1 and 0 <= each.test <= 1 for each in kept.rows.values())
