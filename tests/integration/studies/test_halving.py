"""Successive halving: losers are stopped with their checkpoints, winners go on, and φ does not know of either."""

from dataclasses import replace

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import fail, reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look
from phiforge.runs.studies.outcome import StudyStatus, TrialEnd
from phiforge.runs.studies.record import Studies
from phiforge.runs.waiting.line import Line, Waiting, Where
from phiforge.search.read import parse_study
from phiforge_client.stack import Stack
from phiforge_client.studies.submission import submit_study
from phiforge_client.submission import resume, submit
from tests.fleet import hashes, wait_for_end
from tests.integration.studies.conftest import Submit, finish, judge, loss_at, study, trials_that_go_on, wait_for_study

pytestmark = pytest.mark.services

HALVING = {
    "scheduler": {"name": "successive_halving", "factor": 2, "rungs": 3},
    "objective": {"versions": 80},
    "budget": {"trials": 4},
    "generation": 4,
}
RUNGS = (20, 40, 80)


def test_who_goes_on_waits_for_the_others(platform: Platform, submitted: Submit) -> None:
    # Given four trials with three rungs
    submitted_study = submitted(**HALVING)
    line = Line(platform.store, platform.exchange)
    runs = trials_that_go_on(platform, submitted_study)
    assert platform.run(runs[0]).spec.evaluation.every == RUNGS[0]
    by_loss = sorted(runs, key=lambda run: loss_at(platform, run))
    # If three have the score of the first rung, I expect them to be held, and no result of any;
    for run in runs[:3]:
        platform.record.activate(run)
        judge(platform, run, RUNGS[0])
    look(platform, submitted_study)
    assert [bool(line.held(run)) for run in runs] == [True, True, True, False]
    assert Found.of(Studies(platform.store), submitted_study).results == {}
    # once the fourth has it too, the worse two to be stopped, with why, and the better two to queue again;
    platform.record.activate(runs[3])
    judge(platform, runs[3], RUNGS[0])
    look(platform, submitted_study)
    found = Found.of(Studies(platform.store), submitted_study)
    assert {each.run for each in found.results.values()} == set(by_loss[2:])
    for place, run in enumerate(by_loss[2:], start=3):
        result = next(each for each in found.results.values() if each.run == run)
        assert (result.end, result.version, result.share, result.tasks) == (TrialEnd.STOPPED, 20, 0.25, 20 * 6)
        assert result.why == f"stopped at version 20 of 80: number {place} of 4 at this rung; 2 went on"
        assert platform.record.status(run) is RunStatus.CANCELLED
        assert platform.record.has_checkpoint(run, 0)
    look(platform, submitted_study)
    assert {run for run in runs if line.of(run) and not line.held(run)} == set(by_loss[:2])
    # and the best of all to be the one that is trained to its end.
    for version in RUNGS[1:]:
        for run in trials_that_go_on(platform, submitted_study):
            platform.record.activate(run)
            (finish if version == RUNGS[-1] else judge)(platform, run, *_ending(platform, run, version))
        look(platform, submitted_study)
        look(platform, submitted_study)
    assert Studies(platform.store).status(submitted_study) is StudyStatus.COMPLETE
    assert Studies(platform.store).ending(submitted_study, StudyStatus.COMPLETE)["best"]["run"] == by_loss[0]


def _ending(platform: Platform, run: str, version: int) -> tuple:
    return (loss_at(platform, run), version) if version == RUNGS[-1] else (version,)


def test_trained_to_the_second_rung_before_it_is_held(platform: Platform, submitted: Submit) -> None:
    # Given trials of which nobody sees that they have come to their first rung before they are judged at the second
    mine = submitted(**HALVING)
    line, runs = Line(platform.store, platform.exchange), trials_that_go_on(platform, mine)
    for run in runs:
        platform.record.activate(run)
        judge(platform, run, RUNGS[0])
        judge(platform, run, RUNGS[1])
    # If services look, I expect both rungs to be decided, and the best trial to go on.
    for _ in range(3):
        look(platform, mine)
    best = min(runs, key=lambda run: loss_at(platform, run))
    assert trials_that_go_on(platform, mine) == [best]
    assert not line.held(best)
    assert line.of(best) or platform.record.is_active(best)


def test_results_are_told_again_wherever_a_trial_left(platform: Platform, submitted: Submit) -> None:
    # Given trials of which some are no run, one failed before the first rung, and others were stopped at two rungs
    batches = {"outer.meta_batch": {"type": "choice", "values": [4, 5]}}
    mine = submitted(**HALVING | {"budget": {"trials": 12}, "generation": 12}, space=study()["space"] | batches)
    failing, *others = trials_that_go_on(platform, mine)
    fail(platform, failing, "the loss is nan")
    for version in RUNGS[:2]:
        for run in [each for each in others if platform.record.status(each) is RunStatus.RUNNING]:
            platform.record.activate(run)
            judge(platform, run, version)
        for _ in range(2):
            look(platform, mine)
    before = Found.of(Studies(platform.store), mine).results
    kinds = {(result.end, result.version) for result in before.values()}
    assert {end for end, _ in kinds} == {TrialEnd.REFUSED, TrialEnd.FAILED, TrialEnd.STOPPED}
    assert {version for end, version in kinds if end is TrialEnd.STOPPED} == set(RUNGS[:2])
    # If every result is damaged, and another process looks, I expect all to be made again, as they were.
    for number in before:
        key = f"studies/{mine}/trials/{number:05d}.json"
        platform.store.put(key, platform.store.get(key).replace(b"number", b"numbar"))
    other = Platform.open(platform.settings)
    for _ in range(3):
        look(other, mine)
    assert Found.of(Studies(platform.store), mine).results == before
    other.close()


def test_held_at_its_rung_before_it_is_judged(platform: Platform, submitted: Submit) -> None:
    # Given a trial that was trained to its first rung, and is not judged yet
    mine = submitted(**HALVING)
    line, run = Line(platform.store, platform.exchange), trials_that_go_on(platform, mine)[0]
    platform.record.activate(run)
    first = platform.checkpoints.load(run, 0)
    platform.checkpoints.save(run, replace(first, version=RUNGS[0]))
    # If services look, I expect it to be held there;
    look(platform, mine)
    assert line.held(run)
    assert not platform.record.is_active(run)
    # if nobody judges it for long, I expect its score to be asked for again, though it is held.
    platform.settings = platform.settings.model_copy(update={"stall_seconds": 0.0})
    queue = platform.queue.name("evaluation")
    before = platform.exchange.waiting(queue)
    look(platform, mine)
    assert platform.exchange.waiting(queue) > before


def test_held_again_by_who_slept_it_is_let_go_on(platform: Platform, submitted: Submit) -> None:
    # Given a trial that goes on from its rung, and is in the queue again
    mine = submitted(**HALVING)
    runs = trials_that_go_on(platform, mine)
    for run in runs:
        platform.record.activate(run)
        judge(platform, run, RUNGS[0])
    for _ in range(2):
        look(platform, mine)
    line, winner = Line(platform.store, platform.exchange), min(runs, key=lambda run: loss_at(platform, run))
    assert not line.held(winner)
    # If somebody holds it who saw it as it was before, I expect the next look to let it go on.
    line.put(Waiting(line.of(winner)[0].entry, Where.HELD))
    look(platform, mine)
    assert not line.held(winner)
    assert winner in {each.run for each in line.ready()}


def test_halved_on_a_fleet_to_the_same_phi(fleet: Platform, stack: Stack) -> None:
    # Given a study that is halved twice, on a fleet
    submitted = submit_study(fleet, parse_study(study(**HALVING)))
    found = wait_for_study(fleet, submitted, stack)
    # I expect two to be stopped at the first rung, one at the second, and one to be complete,
    ends = sorted((result.end, result.version) for result in found.results.values())
    assert ends == [("complete", 80), ("stopped", 20), ("stopped", 20), ("stopped", 40)]
    # the one that was held and went on to have the φ of a run of its spec that nobody held,
    best = next(result for result in found.results.values() if result.end is TrialEnd.COMPLETE)
    undisturbed = submit(fleet, fleet.record.submitted(best.run).spec)
    assert wait_for_end(fleet, undisturbed) == "complete"
    assert hashes(fleet, undisturbed) == hashes(fleet, best.run)
    # and one that was stopped to go on when it is resumed, from what was kept, while its study stays as it is.
    stopped = next(result for result in found.results.values() if result.end is TrialEnd.STOPPED)
    if fleet.record.status(stopped.run) is not RunStatus.COMPLETE:
        resume(fleet, stopped.run)
        assert wait_for_end(fleet, stopped.run) == "complete"
    reconcile_all(fleet)
    assert Found.of(Studies(fleet.store), submitted).results == found.results
