"""Networks of cells through a whole fleet: enumerated into a table, the best of them submitted, shown and drawn."""

import json
from pathlib import Path

import pytest

from benchmarks.architectures.enumeration import earlier, enumerate_cells
from benchmarks.architectures.table import read
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.studies.outcome import run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.search.read import parse_study
from phiforge.spec.read import parse_spec
from phiforge.spec.text import parse_text
from phiforge_client.cells.found import network_json
from phiforge_client.studies.findings import best_spec
from phiforge_client.studies.view import view_of_study
from tests.pictures import draw_classes

pytestmark = [pytest.mark.services, pytest.mark.slow]

EDGE = "learner.network.normal."


def four_cells():
    """A study of four cells, one of which no image passes, with two seeds."""
    base = {
        "data": {"name": "images", "image_size": 16},
        "task": {"n_way": 3, "k_shot": 1, "n_query": 2},
        "learner": {"name": "prototypical", "network": {"name": "cell", "channels": 2, "stages": 1}},
        "outer": {"versions": 2, "meta_batch": 2, "job_size": 2},
        "checkpoint": {"every": 2},
        "evaluation": {"every": 2, "validation_tasks": 4, "test_tasks": 4},
    }
    values = {"0-1": ["conv3x3"], "0-2": ["none", "skip"], "1-2": ["conv1x1", "none"]}
    space = {EDGE + edge: {"type": "choice", "values": each} for edge, each in values.items()}
    space["seed"] = {"type": "choice", "values": [0, 1]}
    return parse_study({"name": "four", "base": base, "space": space, "proposer": {"name": "grid"}})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home in which four cells were enumerated, twice: the second time there was nothing left to do."""
    place = tmp_path_factory.mktemp("cells")
    draw_classes(place / "pictures", classes=24, pictures=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHIFORGE_IMAGES", str(place / "pictures"))
        for name in ("first.csv", "second.csv"):
            enumerate_cells(four_cells(), place / "home", place / name, trainers=1)
    return place


@pytest.fixture
def platform(home):
    platform = Platform.open(Settings(home=home / "home", redis_url="", store_url=""))
    yield platform
    platform.close()


def test_the_table_has_what_the_runs_came_to(home, platform):
    # Given the table, I expect a row of each cell and seed, as often as it was asked for the same,
    table = read(home / "first.csv")
    assert (home / "second.csv").read_text() == (home / "first.csv").read_text()
    assert len(table.rows) == 8
    assert len(Studies(platform.store).all()) == 1
    # each with what its run was judged at.
    study = earlier(platform, four_cells())
    for number, row in enumerate(sorted(table.rows.values())):
        report = platform.record.report(run_of_trial(study, number))
        assert row.test == pytest.approx(report["test"]["accuracy"], abs=1e-5)
        assert row.validation == pytest.approx(report["validation"][-1]["accuracy"], abs=1e-5)
        assert row.parameters == report["parameters"]
        assert row.seconds > 0
    # The cell that no image passes is at chance, and is no failure: ties are for the first class.
    constant = table.rows[("conv3x3", "none", "none"), 0]
    assert constant.test == pytest.approx(1 / 3, abs=1e-5)


def test_the_best_is_a_spec_that_says_its_cell(platform):
    # Given the study, I expect a spec of its best trial that is one, with its cell in words above it.
    study = earlier(platform, four_cells())
    text = best_spec(view_of_study(platform, study))
    spec = parse_spec(parse_text(text))
    assert set(spec.learner.network.normal) == {"0-1", "0-2", "1-2"}
    assert "# normal cell: node 1 = conv3x3(0), node 2 = " in text
    # and of its run, the cell and its cost.
    run = run_of_trial(study, view_of_study(platform, study).best.number)
    shown = network_json(platform.record.submitted(run).spec)["network"]
    assert shown["parameters"] == platform.record.report(run)["parameters"]
    assert shown["normal"][0] == "node 1 = conv3x3(0)"


def test_a_run_is_shown_and_drawn(home, platform, monkeypatch):
    from typer.testing import CliRunner

    from phiforge_client.cli import app

    # Given a run of cells, if it is shown with a picture, I expect both.
    run, picture = run_of_trial(earlier(platform, four_cells()), 5), Path(home / "cells.png")
    monkeypatch.setenv("PHIFORGE_HOME", str(home / "home"))
    answer = CliRunner().invoke(app, ["show", run, "--png", str(picture)])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["network"]["normal"] == ["node 1 = conv3x3(0)", "node 2 = skip(0) + conv1x1(1)"]
    assert picture.read_bytes().startswith(b"\x89PNG")
