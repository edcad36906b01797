"""Trials that end otherwise than well: each is a result, and a study all of whose first ones fail says so."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import fail, reconcile_all
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look
from phiforge.runs.studies.outcome import StudyStatus, TrialEnd
from phiforge.runs.studies.record import Studies
from phiforge_client.submission import cancel
from tests.integration.queue.test_cost import asked_for
from tests.integration.studies.conftest import Submit, finish, loss_at, trials_that_go_on

pytestmark = pytest.mark.services


def ends(platform: Platform, submitted: str) -> list[str]:
    """Return how each trial ended."""
    return [result.end for _, result in sorted(Found.of(Studies(platform.store), submitted).results.items())]


def test_a_failed_trial_is_a_result(platform: Platform, submitted: Submit) -> None:
    # Given a generation of which one trial fails, and a person cancels another
    mine = submitted()
    first, second, third = trials_that_go_on(platform, mine)
    fail(platform, first, "the loss is nan")
    cancel(platform, second)
    finish(platform, third, loss_at(platform, third))
    # If services look, I expect both to be results without a value, and the next generation to be proposed.
    reconcile_all(platform)
    found = Found.of(Studies(platform.store), mine)
    assert ends(platform, mine) == [TrialEnd.FAILED, TrialEnd.CANCELLED, TrialEnd.COMPLETE]
    assert (found.results[0].value, found.results[0].why) == (None, "the loss is nan")
    assert found.results[1].why == "cancelled by its user"
    assert len(found.generations) == 2


def test_what_is_no_run_is_a_result(platform: Platform, submitted: Submit) -> None:
    # Given a space of which half is no run: its jobs do not divide the meta-batch
    space = {"outer.meta_batch": {"type": "choice", "values": [4, 5]}, "seed": {"type": "int", "low": 0, "high": 99}}
    mine = submitted(space=space, budget={"trials": 8}, generation=8)
    # I expect those to be refused, with why, and the others to go on.
    found = Found.of(Studies(platform.store), mine)
    refused = [each.number for each in found.proposals if each.point["outer.meta_batch"] == 5]
    assert 0 < len(refused) < 8
    assert sorted(found.results) == refused
    assert "does not divide the meta-batch" in found.results[refused[0]].why
    assert len(trials_that_go_on(platform, mine)) == 8 - len(refused)


def test_hopeless_after_a_few(platform: Platform, submitted: Submit) -> None:
    # Given a study of many trials, if the first five fail, I expect it to end, and to say why, and the others with it.
    mine = submitted(budget={"trials": 40}, generation=8)
    for run in trials_that_go_on(platform, mine)[:5]:
        fail(platform, run, "the loss is nan")
    reconcile_all(platform)
    studies = Studies(platform.store)
    assert studies.status(mine) is StudyStatus.FAILED
    reason = studies.ending(mine, StudyStatus.FAILED)["reason"]
    assert reason == "each of the first 5 trials came to nothing; trial 0 was failed: the loss is nan"
    assert trials_that_go_on(platform, mine) == []
    assert studies.active() == []


def test_a_budget_of_tasks_is_kept(platform: Platform, submitted: Submit) -> None:
    # Given a budget of tasks that four trials of 24 fit in, and five do not
    mine = submitted(budget={"tasks": 110})
    for _ in range(3):
        for run in trials_that_go_on(platform, mine):
            finish(platform, run, loss_at(platform, run))
        look(platform, mine)
    # I expect four, in generations of three and one, and the study to say why there are no more.
    found = Found.of(Studies(platform.store), mine)
    assert [len(generation) for generation in found.generations] == [3, 1]
    assert found.tasks == 96
    assert "no further trial fits its 110 tasks" in Studies(platform.store).ending(mine, StudyStatus.COMPLETE)["reason"]


def test_damaged_results_are_told_again(platform: Platform, submitted: Submit) -> None:
    # Given a study of which a result and both generations were damaged
    mine = submitted()
    for run in trials_that_go_on(platform, mine):
        finish(platform, run, loss_at(platform, run))
    look(platform, mine)
    before = Found.of(Studies(platform.store), mine)
    for name in ("trials/00001.json", "generations/00000.json", "generations/00001.json"):
        key = f"studies/{mine}/{name}"
        platform.store.put(key, platform.store.get(key).replace(b"number", b"numbar"))
    # If another process looks, I expect all to be made again, as they were.
    other = Platform.open(platform.settings)
    reconcile_all(other)
    reconcile_all(other)
    after = Found.of(Studies(platform.store), mine)
    assert after.results == before.results
    assert after.proposals == before.proposals
    other.close()


def test_what_looking_costs(platform: Platform, submitted: Submit) -> None:
    # Given many studies that are over, and none that goes on, I expect a look to cost one request more than none.
    platform.settings = platform.settings.model_copy(update={"stall_seconds": 3600.0})
    reconcile_all(platform)
    idle = asked_for(platform, lambda: reconcile_all(platform))[0]
    for _ in range(3):
        mine = submitted(budget={"trials": 1})
        finish(platform, *trials_that_go_on(platform, mine), value=1.0)
        look(platform, mine)
    for _ in range(2):
        reconcile_all(platform)
    for run in platform.record.ended():
        platform.record.settle(run)
    assert asked_for(platform, lambda: reconcile_all(platform))[0] == idle
