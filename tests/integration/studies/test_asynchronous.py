"""Asynchronous proposals: no trial waits for others, and what was decided once stays, whatever happens then."""

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look
from phiforge.runs.studies.outcome import StudyStatus, TrialEnd, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.runs.waiting.line import Line
from phiforge.search.read import parse_study
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import submit_study
from phiforge_client.studies.table import sentence
from phiforge_client.studies.view import view_of_study
from phiforge_client.submission import submit
from tests.fleet import hashes, wait_for_end
from tests.integration.queue.test_kills import Killed, between_writes, die
from tests.integration.studies.conftest import (
    Submit,
    finish,
    judge,
    loss_at,
    study,
    trials_that_go_on,
    wait_for_study,
)
from tests.thorough import every

pytestmark = pytest.mark.services

ASHA = {
    "scheduler": {"name": "asha", "factor": 2, "rungs": 2},
    "proposals": "asynchronous",
    "objective": {"versions": 4},
    "budget": {"trials": 4},
    "generation": 2,
}
RUNG, END = 2, 4


def found_of(platform: Platform, mine: str) -> Found:
    return Found.of(Studies(platform.store), mine)


def test_a_trial_is_proposed_as_soon_as_another_is_over(platform: Platform, submitted: Submit) -> None:
    # Given a study of asynchronous proposals, two at a time, one of which is over
    mine = submitted(proposals="asynchronous", generation=2, budget={"trials": 4})
    first, _ = trials_that_go_on(platform, mine)
    finish(platform, first, loss_at(platform, first))
    # If services look, I expect the third to be there though the second goes on, and the study to say what that means.
    look(platform, mine)
    assert len(found_of(platform, mine).proposals) == 3
    assert len(trials_that_go_on(platform, mine)) == 2
    assert "asynchronous: depends on the order in which trials end" in sentence(view_of_study(platform, mine))
    # If all end, I expect as many as the budget has, each once.
    for _ in range(4):
        for run in trials_that_go_on(platform, mine):
            finish(platform, run, loss_at(platform, run))
        look(platform, mine)
    assert Studies(platform.store).status(mine) is StudyStatus.COMPLETE
    assert [each.number for each in found_of(platform, mine).proposals] == [0, 1, 2, 3]


def test_who_is_among_the_best_so_far_goes_on(platform: Platform, submitted: Submit) -> None:
    # Given ASHA, of whose first two trials the first came to its rung
    mine = submitted(**ASHA)
    line = Line(platform.store, platform.exchange)
    runs = trials_that_go_on(platform, mine)
    come_to_rung(platform, mine, runs[0])
    # I expect it to wait there, being no half of one, and another trial to be proposed instead;
    assert line.held(runs[0])
    assert len(found_of(platform, mine).proposals) == 3
    # once the second is there, the better of both to go on.
    come_to_rung(platform, mine, runs[1])
    better, worse = sorted(runs, key=lambda run: loss_at(platform, run))
    assert not line.held(better)
    assert line.held(worse)
    # In the end the best two of four have gone on, and the others are stopped, with why.
    for _ in range(6):
        for run in [run for run in trials_that_go_on(platform, mine) if not line.held(run)]:
            if RUNG in platform.record.scored(run, "validation"):
                finish(platform, run, loss_at(platform, run))
            come_to_rung(platform, mine, run)
        look(platform, mine)
    results = found_of(platform, mine).results
    assert Studies(platform.store).status(mine) is StudyStatus.COMPLETE
    ends = [result.end for result in results.values()]
    assert (ends.count(TrialEnd.COMPLETE), ends.count(TrialEnd.STOPPED)) in [(2, 2), (3, 1)]
    reasons = [each.why for each in results.values() if each.end is TrialEnd.STOPPED]
    assert all("of 4 at this rung" in why for why in reasons)
    reconcile_all(platform)
    assert list(line.all()) == []


def come_to_rung(platform: Platform, mine: str, run: str) -> None:
    """Let a trial be judged at its rung, if it has not been, and services look."""
    if RUNG not in platform.record.scored(run, "validation"):
        platform.record.activate(run)
        judge(platform, run, RUNG)
    for _ in range(2):
        look(platform, mine)


def test_a_budget_of_tasks_is_kept_by_who_goes_on(platform: Platform, submitted: Submit) -> None:
    # Given ASHA and tasks for three trials up to their rung, and for one to its end
    mine = submitted(**{**ASHA, "budget": {"tasks": 4 * RUNG * 6}})
    for _ in range(12):
        for run in trials_that_go_on(platform, mine):
            if RUNG in platform.record.scored(run, "validation"):
                if platform.record.is_active(run) or run in {each.run for each in ready(platform)}:
                    finish(platform, run, loss_at(platform, run))
            else:
                come_to_rung(platform, mine, run)
        look(platform, mine)
    # I expect no more to be used.
    assert Studies(platform.store).status(mine) is StudyStatus.COMPLETE
    assert found_of(platform, mine).tasks <= 4 * RUNG * 6


def ready(platform: Platform) -> list:
    return Line(platform.store, platform.exchange).ready()


def test_what_was_decided_is_restored(platform: Platform, submitted: Submit) -> None:
    # Given ASHA, with decisions and proposals that followed from an order that nobody knows any more
    mine = submitted(**ASHA)
    for run in trials_that_go_on(platform, mine):
        come_to_rung(platform, mine, run)
    before = found_of(platform, mine)
    damaged = [name for name in before.names if name.startswith(("generations/", "rungs/"))]
    assert any(name.startswith("rungs/") for name in damaged)
    # If all of it is damaged, or deleted, I expect another process to have it as it was.
    for index, name in enumerate(damaged):
        key = f"studies/{mine}/{name}"
        if index % 2:
            platform.store.delete(key)
        else:
            platform.store.put(key, platform.store.get(key)[:-9])
    other = Platform.open(platform.settings)
    look(other, mine)
    after = found_of(platform, mine)
    assert after.proposals[: len(before.proposals)] == before.proposals
    for generation in range(len(before.generations)):
        had = before.decisions_of(generation)
        assert after.decisions_of(generation)[: len(had)] == had
    other.close()


MOST_WRITES, MOST_ROUNDS = 150, 40


@pytest.mark.slow
@pytest.mark.parametrize("step", every(11))
@pytest.mark.parametrize("how", ["killed", "killed-and-wiped", "another-looks"])
def test_disturbed_between_any_two_writes(platform: Platform, settings: Settings, how: str, step: int) -> None:
    # Given ASHA, if whoever moves it dies after so many writes, maybe with Redis, or another looks just then
    other = Platform.open(settings)
    for writes in range(0, MOST_WRITES, step):
        mine, decided, did = disturbed(platform, writes, other if how == "another-looks" else None, "wiped" in how)
        found = found_of(platform, mine)
        # I expect what was written down before to be as it was, and every trial to be the run that was proposed, once.
        for name, fields in decided.items():
            assert Studies(platform.store)._fields(mine, name)[0] == fields
        runs = [run_of_trial(mine, number) for number in range(4)]
        assert [run for run in platform.record.runs() if run.startswith(mine)] == runs
        for proposal, run in zip(found.proposals, runs, strict=True):
            assert platform.record.submitted(run).spec["outer"]["lr"] == proposal.point["outer.lr"]
            assert platform.record.status(run) is not RunStatus.RUNNING
        assert list(Line(platform.store, platform.exchange).all()) == []
        assert platform.record.active() == []
        if not did:
            other.close()
            return
    pytest.fail(f"a study writes more than {MOST_WRITES} times")


def disturbed(platform: Platform, writes: int, other: Platform | None, wiped: bool) -> tuple[str, dict, bool]:
    """Go through a study that is disturbed after so many writes; return what was written down by then."""
    studies, mine, decided = Studies(platform.store), "", {}
    with pytest.MonkeyPatch.context() as patch:
        mine = submit_study(platform, parse_study(study(**ASHA)))
        left = between_writes(platform, patch, writes, lambda: look(other, mine) if other else die())
        for _ in range(MOST_ROUNDS):
            try:
                for run in trials_that_go_on(platform, mine):
                    go_on(platform, run)
                look(platform, mine)
                reconcile_all(platform)
            except Killed:
                names = [each for each in studies.names(mine) if each.startswith(("generations/", "rungs/"))]
                decided = {name: studies._fields(mine, name)[0] for name in names}
                if wiped:
                    platform.exchange.redis.flushall()
            if studies.status(mine) is not StudyStatus.RUNNING and not studies.active():
                return mine, decided, left[0] < 0
    pytest.fail(f"the study is not over after {MOST_ROUNDS} looks, with something at write {writes}")


def go_on(platform: Platform, run: str) -> None:
    """Let a trial that is active come to its rung, or to its end."""
    if not platform.record.has_checkpoint(run, 0) or not platform.record.is_active(run):
        return
    if RUNG not in platform.record.scored(run, "validation"):
        judge(platform, run, RUNG)
    else:
        finish(platform, run, loss_at(platform, run), END)


def test_asha_on_a_fleet_to_the_same_phi(fleet: Platform, stack: Stack) -> None:
    # Given ASHA on a fleet, if it is over, I expect some to be whole and others to be stopped at their rung,
    asha = ASHA | {"objective": {"versions": 40}, "budget": {"trials": 6}}
    mine = submit_study(fleet, parse_study(study(**asha)))
    found = wait_for_study(fleet, mine, stack)
    ends = [result.end for result in found.results.values()]
    assert set(ends) == {TrialEnd.COMPLETE, TrialEnd.STOPPED}
    assert len(ends) == 6
    # and the φ of one that was held and went on to be that of a run of its spec that nobody held.
    best = found.best(parse_study(study(**asha)))
    undisturbed = submit(fleet, fleet.record.submitted(best.run).spec)
    assert wait_for_end(fleet, undisturbed) == "complete"
    assert hashes(fleet, undisturbed) == hashes(fleet, best.run)
