"""A page about runs and a comparison of them: of images, of regressions, and of runs that are not over."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.cli import app
from phiforge_client.results.answers import answers
from phiforge_client.results.findings import findings, judged_by
from phiforge_client.results.learned import learned
from phiforge_client.submission import submit
from phiforge_client.web.app import make_app
from tests.badinput.conftest import waves
from tests.fleet import command_line, fleet, small_spec, wait_for_end
from tests.prediction.calling import listening

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def settings(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One fleet for this file."""
    return Settings(home=tmp_path_factory.mktemp("fleet"), redis_url=redis_server.url, namespace="results")


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with fleet(settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def runs(platform: Platform) -> list[str]:
    """Two runs of images that were judged alike, one of which chose its inner steps; and two regressions."""
    torch = {"engine": "torch"}  # as answers are computed: to the same bit
    specs = [
        small_spec(numerics=torch),
        small_spec(numerics=torch, learner={"name": "prototypical", "network": {"name": "conv4", "channels": 8}}),
    ]
    submitted = [submit(platform, spec) for spec in (*specs, waves(), waves(seed=1))]
    assert [wait_for_end(platform, run) for run in submitted] == ["complete"] * 4
    return submitted


@pytest.fixture
def phiforge(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line, in an empty folder, on the store of the fleet."""
    return command_line(settings, monkeypatch, tmp_path)


def test_findings_are_what_the_record_says(platform: Platform, runs: list[str]) -> None:
    # Given a complete run of 20 versions of 8 tasks
    found = findings(platform, runs[0])
    # I expect a point of training for each version, and one of validation for each that was judged,
    assert [point.tasks for point in found.training] == [8 * version for version in range(1, 21)]
    assert [point.tasks for point in found.validation] == [0, 80, 160]
    # time that goes forward, and computing that is the sum over jobs,
    minutes = [point.minutes for point in found.training]
    assert minutes == sorted(minutes)
    assert minutes[0] > 0
    logged = [job["compute_seconds"] for entry in platform.record.log(runs[0]) for job in entry["observed"]["jobs"]]
    assert found.cost.all_seconds == pytest.approx(sum(logged))
    # and the test to be of the version that validation chose.
    assert found.test
    assert found.best
    assert found.best.scores["version"] == platform.record.report(runs[0])["best_version"]


@pytest.mark.parametrize("index", [0, 1])
def test_answers_are_those_that_were_scored(platform: Platform, runs: list[str], index: int) -> None:
    # Given the accuracy that evaluators found on each test task, if the tasks are answered again
    record, found = platform.run(runs[index]), findings(platform, runs[index])
    asked = answers(platform, record, dict(found.report or {}), 20, patience_seconds=60)
    assert asked
    assert found.test
    # I expect the same accuracies, and classes to be counted as often as they were asked for.
    again = [task.accuracy for task in asked.tasks]
    assert again == pytest.approx(found.test["per_task"]["accuracy"], abs=1e-9)
    assert asked.met.total() == 20 * 5 * 3
    assert asked.known.total() + asked.taken_for.total() == asked.met.total()
    assert asked.known.total() / asked.met.total() == pytest.approx(found.test["accuracy"], abs=1e-9)


def test_what_was_learned_is_told_from_where_it_started(platform: Platform, runs: list[str]) -> None:
    # Given φ of the version that is judged, computed by hand
    record, version = platform.run(runs[1]), platform.record.report(runs[1])["best_version"]
    start, end = (platform.checkpoints.load(runs[1], each).phi for each in (0, version))
    entries = {entry.name: entry for entry in learned(platform, record, version)}
    assert entries.keys() == start.keys()
    name = "conv0.weight"
    moved = np.linalg.norm(end[name].numpy() - start[name].numpy()) / np.linalg.norm(start[name].numpy())
    assert entries[name].moved == pytest.approx(moved, rel=1e-5)


def test_the_page_holds_all_it_shows(phiforge: Any, runs: list[str], tmp_path: Path) -> None:
    # Given two runs of images, I expect a page whose pictures are in it, and the same pictures beside it.
    result = phiforge("report", *runs[:2], "--out", "out")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    pictures = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert {"accuracy-by-tasks", "accuracy-by-minutes", "loss-by-tasks", "inner-steps", "test-tasks"} <= pictures
    assert page.count("data:image/png") == len(pictures) == 5 + 2 * 3
    for path in (tmp_path / "out").glob("*.png"):
        assert np.asarray(Image.open(BytesIO(path.read_bytes()))).std() > 1
    # It says each run's test accuracy and φ.
    for run in runs[:2]:
        assert run in page
    assert "What was learned" in page
    assert "Classes" in page


def test_a_regression_has_a_page_without_accuracy(phiforge: Any, runs: list[str], tmp_path: Path) -> None:
    result = phiforge("report", runs[2], "--out", "out")
    assert result.exit_code == 0, result.output
    pictures = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert pictures == {"loss-by-tasks", "inner-steps"}


def test_a_run_that_was_not_judged_yet_is_said(phiforge: Any, platform: Platform, settings: Settings) -> None:
    # Given a run that is held
    from phiforge.runs.waiting.wish import Wish

    run = submit(platform, waves(), wish=Wish(hold=True))
    result = CliRunner().invoke(app, ["report", run])
    # I expect one sentence, and nothing to be written.
    assert result.exit_code != 0
    assert "has no scores yet" in str(result.exception)


def test_runs_are_compared_on_the_same_tasks(
    phiforge: Any, platform: Platform, runs: list[str], tmp_path: Path
) -> None:
    first, second = (
        platform.record.scores(run, "test", platform.record.report(run)["best_version"]) for run in runs[:2]
    )
    result = phiforge("compare", *runs[:2], "--json")
    found = json.loads(result.output)
    # I expect the mean of the differences, task by task, and every field in which the specs differ.
    expected = np.subtract(first["per_task"]["accuracy"], second["per_task"]["accuracy"]).mean()
    assert found["score"] == "accuracy"
    assert found["pairs"][0]["mean"] == pytest.approx(expected)
    assert found["specs"]["learner.name"] == dict(zip(runs[:2], ["maml", "prototypical"], strict=True))
    # For people the same, in 80 columns, with pictures if they are asked for.
    result = phiforge("compare", *runs[:2], "--out", "out")
    assert max(map(len, result.output.splitlines())) <= 80
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_regressions_are_compared_by_their_loss(phiforge: Any, platform: Platform, runs: list[str]) -> None:
    # Given two regressions on the same tasks, I expect the loss to decide.
    assert judged_by(findings(platform, runs[2])) == judged_by(findings(platform, runs[3]))
    found = json.loads(phiforge("compare", *runs[2:], "--json").output)
    assert found["score"] == "loss"
    assert found["specs"] == {"seed": dict(zip(runs[2:], ["0", "1"], strict=True))}


def test_runs_of_other_tasks_are_not_compared(phiforge: Any, runs: list[str]) -> None:
    result = CliRunner().invoke(app, ["compare", runs[0], runs[2]])
    assert result.exit_code != 0
    assert "judged by other test tasks" in str(result.exception)


def test_the_page_shows_what_examples_counted(phiforge: Any, platform: Platform, tmp_path: Path) -> None:
    # Given a run of a learner that weighs examples, on support sets with wrong labels
    learner = {"name": "learning_to_reweight", "inner_steps": 1, "network": {"name": "conv4", "channels": 8}}
    task = {"n_way": 3, "k_shot": 4, "n_query": 2}
    run = submit(platform, small_spec(learner=learner, task=task, sampling={"label_noise": 0.5}))
    assert wait_for_end(platform, run) == "complete"
    # I expect weights beside each example, none negative, in all 1, and the right labels beside those given;
    asked = answers(platform, platform.run(run), dict(platform.record.report(run)), 5, patience_seconds=60)
    assert asked
    for shown in asked.tasks:
        assert min(shown.weights) >= 0
        assert sum(shown.weights) == pytest.approx(1, abs=1e-5)
        assert np.not_equal(shown.truth, shown.support_labels).sum() == 6
    # and a picture of each task that is shown.
    assert phiforge("report", run, "--out", "out").exit_code == 0
    assert len(list((tmp_path / "out").glob("*-weights-*.png"))) == 3
    assert "What each example counted" in (tmp_path / "out" / "report.html").read_text()


def test_the_web_view_has_the_report(platform: Platform, runs: list[str]) -> None:
    # Given a complete run, if the web view is asked for its report, I expect the page, and a curve of the same points.
    with listening(make_app(platform)) as view:
        page = view.get(f"/reports/{runs[0]}")
        assert page.status_code == 200
        assert runs[0] in page.text
        assert "data:image/png" in page.text
        shown = view.get(f"/api/runs/{runs[0]}").json()
    found = findings(platform, runs[0])
    assert [each["tasks"] for each in shown["curve"]] == [point.tasks for point in found.validation]
    assert shown["report"] == found.report
