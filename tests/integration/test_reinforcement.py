"""Runs that act: trajectories are collected where a job is computed, and φ is the same whatever the fleet does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from phiforge.base.errors import RunError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import meta_train
from phiforge.tasks.drawing import Tasks
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from tests.fleet import command_line, hashes, wait_for_end, wait_for_version

pytestmark = pytest.mark.services

NAVIGATION: dict[str, Any] = {
    "name": "navigation",
    "data": {"name": "navigation", "horizon": 15},
    "task": {"n_way": 1, "k_shot": 5, "n_query": 5},
    "learner": {"name": "rl_maml", "network": {"name": "mlp", "width": 8}},
    "outer": {"versions": 6, "meta_batch": 4, "job_size": 2},
    "checkpoint": {"every": 3},
    "evaluation": {"every": 3, "validation_tasks": 6, "test_tasks": 8, "chunk_size": 4},
}
SPECS: dict[str, dict[str, Any]] = {
    "policy gradients": NAVIGATION,
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_same_phi_with_one_trainer_and_two(platform: Platform, settings: Settings, spec: dict[str, Any]) -> None:
    # Given a run that two trainers completed, of which one was killed on the way
    with Stack(settings, trainers=2) as stack:
        killed = submit(platform, spec)
        wait_for_version(platform, killed, 2)
        next(each for each in stack.services if each.name == "trainer-0").process.kill()
        assert wait_for_end(platform, killed) == "complete"
    # If one trainer alone completes another of the same spec
    with Stack(settings, trainers=1):
        alone = submit(platform, spec)
        assert wait_for_end(platform, alone) == "complete"
    # I expect the same hash at every version, and that of one process without a fleet.
    assert hashes(platform, killed) == hashes(platform, alone)
    found = platform.run(alone).spec
    versions = list(meta_train(found, Tasks(found).training))[1:]
    assert {each.version: each.phi_hash for each in versions} == hashes(platform, alone)


@pytest.fixture
def finished(platform: Platform, settings: Settings) -> str:
    """A run that acts and went through."""
    with Stack(settings, trainers=1):
        run = submit(platform, NAVIGATION)
        assert wait_for_end(platform, run) == "complete"
    return run


def test_it_is_judged_by_its_return(
    platform: Platform, settings: Settings, finished: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phiforge: Callable[..., Result] = command_line(settings, monkeypatch, tmp_path)
    # Given a run that acts, I expect its return with an interval in the record, and no accuracy anywhere:
    tested = platform.record.report(finished)["test"]
    assert tested["mean_return"] < 0 < tested["mean_return_ci95"]
    assert not any("accuracy" in name for name in tested)
    assert all(set(entry["scores"]) == {"mean_return", "return_before"} for entry in platform.record.log(finished))
    # in the table and as JSON,
    shown = phiforge("runs").output
    assert "return" in shown
    assert "accuracy" not in shown
    view = next(each for each in json.loads(phiforge("runs", "--json").output) if each["run"] == finished)
    assert (view["mean_return"], view["accuracy"]) == (tested["mean_return"], None)
    # in what lies behind a version,
    why = phiforge("why", finished, "2").output
    assert "return -" in why
    assert "accuracy" not in why
    # and on the page, whose pictures are of returns.
    assert phiforge("report", finished, "--out", "page").exit_code == 0
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "test return" in page
    assert "accuracy" not in page.lower()
    assert (tmp_path / "page" / "return-by-tasks.png").exists()
    # The best version is that of the highest return on validation tasks.
    judged = {at: platform.record.scores(finished, "validation", at)["mean_return"] for at in (0, 3, 6)}
    assert platform.record.report(finished)["best_version"] == max(judged, key=lambda at: judged[at])
    # If it is asked for predictions, I expect one sentence that says why not.
    with pytest.raises(RunError, match="learned to act"):
        phiforge("export", finished, "--out", "model")
    # If its φ is judged again, I expect the same return, of trajectories and not of classes.
    again = phiforge("evaluate", finished, "--split", "test").output
    assert f"mean_return {tested['mean_return']:.4f}" in again
    assert "5 trajectories to learn from" in again
    assert "way" not in again
