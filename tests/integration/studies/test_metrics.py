"""What Prometheus is told of studies that go on."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import fail
from phiforge.runs.studies.look import look
from phiforge_evaluator.collector import RunCollector
from tests.integration.studies.conftest import Submit, finish, loss_at, trials_that_go_on

pytestmark = pytest.mark.services


def samples(platform: Platform, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric, by their labels."""
    [metric] = [each for each in RunCollector(platform).collect() if each.name == name]
    return {tuple(each.labels.values()): each.value for each in metric.samples}


def test_a_study_that_goes_on(platform: Platform, submitted: Submit) -> None:
    # Given a study of which a trial is complete, another failed, and one goes on
    mine = submitted()
    first, second, _ = trials_that_go_on(platform, mine)
    finish(platform, first, loss_at(platform, first))
    fail(platform, second, "the loss is nan")
    look(platform, mine)
    # I expect each to be counted, and the best value and its tasks to be told;
    states = samples(platform, "phiforge_study_trials")
    assert {state: value for (_, state), value in states.items() if value} == {"open": 1, "complete": 1, "failed": 1}
    assert samples(platform, "phiforge_study_best") == {(mine,): loss_at(platform, first)}
    assert samples(platform, "phiforge_study_tasks") == {(mine,): 2 * 4 * 6}
    # once it is over, nothing.
    for _ in range(3):
        for run in trials_that_go_on(platform, mine):
            finish(platform, run, loss_at(platform, run))
        look(platform, mine)
        look(platform, mine)
    assert samples(platform, "phiforge_study_trials") == {}
