"""A fleet chooses the number of inner steps on unseen tasks by validation, where a spec gives none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import judge
from phiforge.runs.record import RunStatus
from phiforge.tasks.drawing import Tasks
from phiforge_client.branching import branch
from phiforge_client.submission import submit
from tests.badinput.conftest import waves
from tests.fleet import fleet, hashes, small_spec, wait_for_end

pytestmark = pytest.mark.services

LEARNER = {"name": "maml", "network": {"name": "conv4", "channels": 8}}
TRIED = ["1", "2", "3", "5", "10"]


@pytest.fixture(scope="module")
def settings(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One fleet for this file."""
    home: Path = tmp_path_factory.mktemp("fleet")
    return Settings(home=home, redis_url=redis_server.url, namespace="inner-steps", stall_seconds=1.0)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with fleet(settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def choosing(platform: Platform) -> str:
    """A completed run of MAML whose spec gives no number of inner steps on unseen tasks."""
    return complete(platform, spec_of(LEARNER))


def spec_of(learner: dict[str, Any]) -> dict[str, Any]:
    return small_spec(learner=learner, outer={"versions": 6}, evaluation={"every": 3})


def complete(platform: Platform, raw: dict[str, Any]) -> str:
    run = submit(platform, raw)
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    return run


def test_the_best_number_on_validation_is_tested(platform: Platform, choosing: str) -> None:
    # Given a run without a number, I expect its report to list what each number came to, and the best to be chosen;
    report = platform.record.report(choosing)
    listed = report["inner_steps"]["validation"]
    chosen = report["inner_steps"]["chosen"]
    assert sorted(listed, key=int) == TRIED
    assert chosen == min(map(int, listed), key=lambda steps: (-listed[str(steps)]["accuracy"], steps))
    # the validation curve to be of the best of each version, with its number,
    at_best = next(point for point in report["validation"] if point["version"] == report["best_version"])
    assert (at_best["inner_steps"], at_best["accuracy"]) == (chosen, listed[str(chosen)]["accuracy"])
    # and the test to have tried nothing else.
    tested = platform.record.scores(choosing, "test", report["best_version"])
    assert list(tested["by_inner_steps"]) == [str(chosen)]
    assert report["test"]["inner_steps"] == chosen


def test_a_spec_that_gives_that_number_comes_to_the_same(platform: Platform, choosing: str) -> None:
    # Given the number that was chosen, if the same is run with it in the spec
    chosen = platform.record.report(choosing)
    steps = chosen["inner_steps"]["chosen"]
    run = complete(platform, spec_of(LEARNER | {"inner_steps_evaluation": steps}))
    # I expect the same φ, no choice,
    given = platform.record.report(run)
    assert given["inner_steps"] is None
    assert hashes(platform, run) == hashes(platform, choosing)
    best = chosen["best_version"]
    scores = platform.record.scores(run, "validation", best)
    assert scores["accuracy"] == chosen["inner_steps"]["validation"][str(steps)]["accuracy"]
    # and of the version that was best the test scores that the choice came to.
    spec = platform.run(run).spec
    tested = judge(spec, platform.checkpoints.load(run, best).phi, Tasks(spec).judged("test"), "test")
    for name in ("loss", "accuracy"):
        assert tested[name].mean == chosen["test"][name]
        assert tested[name].ci95 == chosen["test"][f"{name}_ci95"]


def test_a_branch_chooses_unless_it_gives_the_number(platform: Platform, choosing: str) -> None:
    # Given branches of a run that chose: one as it is, one with a number
    same = branch(platform, choosing, 3)
    given = branch(platform, choosing, 3, ["learner.inner_steps_evaluation=2"])
    again = branch(platform, given, 3)
    assert [wait_for_end(platform, run) for run in (same, given, again)] == [RunStatus.COMPLETE] * 3
    # I expect the first to choose, the second and what comes out of it not to, and all to come to the same φ.
    reports = {run: platform.record.report(run) for run in (choosing, same, given, again)}
    assert sorted(reports[same]["inner_steps"]["validation"], key=int) == TRIED
    assert (reports[given]["inner_steps"], reports[again]["inner_steps"]) == (None, None)
    assert platform.run(again).spec.learner.inner_steps_evaluation == 2
    assert len({report["final_phi_hash"] for report in reports.values()}) == 1


def test_a_number_that_diverges_is_not_chosen(platform: Platform) -> None:
    # Given a step size at which one inner step is bearable and many are not
    learner = {"name": "maml", "inner_lr": 1.0, "network": {"name": "mlp", "width": 4, "layers": 1}}
    run = complete(platform, waves(learner=learner, estimator={"name": "first_order"}))
    # I expect the run to complete with a number that does not diverge, and the others not to be listed.
    found = platform.record.report(run)["inner_steps"]
    assert str(found["chosen"]) in found["validation"]
    assert "10" not in found["validation"]
