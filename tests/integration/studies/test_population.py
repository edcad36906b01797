"""Population-based training: trials that are branches of each other, as lineage shows, and a schedule to go through."""

import shlex
from dataclasses import replace

import pytest

from phiforge.base.errors import SpecError
from phiforge.fleet.platform import Platform
from phiforge.runs.keys import tensors_key
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look
from phiforge.runs.studies.outcome import Proposal, StudyStatus, TrialEnd, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.runs.waiting.line import Line
from phiforge.search.read import parse_study
from phiforge.spec.text import parse_text
from phiforge_client.branching import branch
from phiforge_client.stack import Stack
from phiforge_client.studies.findings import best_spec
from phiforge_client.studies.schedule import schedule
from phiforge_client.studies.submission import submit_study
from phiforge_client.studies.view import StudyView, view_of_study
from phiforge_client.submission import submit
from tests.fleet import hashes, wait_for_end
from tests.integration.queue.test_kills import Killed, between_writes, die
from tests.integration.studies.conftest import Submit, finish, loss_at, study, trials_that_go_on, wait_for_study
from tests.thorough import every

pytestmark = pytest.mark.services

POPULATION, STEP = 3, 4
PBT = {
    "proposer": {"name": "population_based_training", "truncation": 0.34},
    "objective": {"versions": STEP},
    "budget": {"trials": 3 * POPULATION},
    "generation": POPULATION,
}


def end(platform: Platform, run: str) -> None:
    """Let a trial end, with the φ with which it began."""
    record = platform.run(run)
    first = platform.checkpoints.load(run, record.first_version)
    last = replace(first, version=record.versions, tasks=record.tasks_at(record.versions))
    platform.checkpoints.save(run, last)
    finish(platform, run, loss_at(platform, run), record.versions)


def go_through(platform: Platform, mine: str) -> Found:
    """Let every trial that is there end, until the study is over."""
    for _ in range(40):
        for run in trials_that_go_on(platform, mine):
            if platform.record.checkpoints(run):
                end(platform, run)
        look(platform, mine)
        reconcile_all(platform)
        if Studies(platform.store).status(mine) is not StudyStatus.RUNNING:
            return Found.of(Studies(platform.store), mine)
    return pytest.fail("the study is not over after 40 looks")


def test_trials_are_branches(platform: Platform, submitted: Submit) -> None:
    # Given a population of three that went on twice
    mine = submitted(**PBT)
    found = go_through(platform, mine)
    # I expect each later trial to be a branch of the trial that it goes on from, at its end, and charged for its own;
    assert [len(generation) for generation in found.generations] == [POPULATION] * 3
    for proposal in found.proposals:
        run, result = platform.run(run_of_trial(mine, proposal.number)), found.results[proposal.number]
        assert (result.end, result.tasks, result.version) == (TrialEnd.COMPLETE, STEP * 6, proposal.start + STEP)
        assert run.versions == proposal.start + STEP
        if proposal.generation == 0:
            assert (run.parent, proposal.parent) == (None, None)
            continue
        parent = run_of_trial(mine, proposal.parent)
        assert (run.parent.run, run.parent.version) == (parent, proposal.generation * STEP)
        assert run.parent.phi_hash == platform.checkpoints.load(parent, proposal.start).phi_hash
    # the worst of each generation to be replaced by the best, and nobody else.
    for before, after in zip(found.generations, found.generations[1:], strict=False):
        ranked = sorted(before, key=lambda each: found.results[each.number].value)
        parents = [each.parent for each in after]
        assert parents.count(ranked[0].number) == 2
        assert ranked[-1].number not in parents


def test_a_parent_that_is_damaged_is_a_result(platform: Platform, submitted: Submit) -> None:
    # Given a population whose first generation is over, and the φ of one of it is damaged
    mine = submitted(**PBT)
    for run in trials_that_go_on(platform, mine):
        end(platform, run)
    best = min(range(POPULATION), key=lambda number: loss_at(platform, run_of_trial(mine, number)))
    key = tensors_key(run_of_trial(mine, best), STEP)
    platform.store.put(key, platform.store.get(key)[:-3])
    # If services look, I expect who goes on from it to be a trial that failed, with why, and the study to go on.
    found = go_through(platform, mine)
    failed = [result for result in found.results.values() if result.end is TrialEnd.FAILED]
    assert len(failed) == 2
    assert all("there is no φ to go on from" in result.why for result in failed)
    assert len(found.results) == 3 * POPULATION


def test_what_changes_the_shape_of_phi_is_refused(submitted: Submit, platform: Platform) -> None:
    # Given a space with a field that decides how large the network is, I expect it to be refused, with its name.
    space = {
        "outer.lr": {"type": "log", "low": 1e-3, "high": 1e-1},
        "learner.network.width": {"type": "int", "low": 4, "high": 8},
    }
    with pytest.raises(SpecError, match=r"space\.learner\.network\.width: it changes the shape of φ"):
        submitted(**PBT | {"space": space})
    assert Studies(platform.store).all() == []


def test_what_changes_the_shape_of_phi_under_a_condition_is_refused(submitted: Submit, platform: Platform) -> None:
    # Given such a field that the middle of the space has not, I expect it to be refused too.
    space = {
        "outer.optimizer.name": {"type": "choice", "values": ["adam", "sgd"]},
        "learner.network.width": {"type": "int", "low": 4, "high": 8},
    }
    for optimiser in ("adam", "sgd"):
        space["learner.network.width"]["when"] = {"outer.optimizer.name": optimiser}
        with pytest.raises(SpecError, match=r"space\.learner\.network\.width: it changes the shape of φ"):
            submitted(**PBT | {"space": space})
    assert Studies(platform.store).all() == []


@pytest.mark.slow
@pytest.mark.parametrize("step", every(11))
@pytest.mark.parametrize("wiped", [False, True], ids=["kept", "wiped"])
def test_killed_between_any_two_writes(platform: Platform, wiped: bool, step: int) -> None:
    # Given what a population tries if nothing happens
    short = PBT | {"budget": {"trials": 2 * POPULATION}}
    expected = told(go_through(platform, submit_study(platform, parse_study(study(**short)))))
    # If whoever moves it dies after so many writes, maybe with Redis, I expect the same, each trial once.
    for writes in range(0, 200, step):
        mine, died = submit_study(platform, parse_study(study(**short))), False
        with pytest.MonkeyPatch.context() as patch:
            left = between_writes(platform, patch, writes, die)
            while True:
                try:
                    found = go_through(platform, mine)
                    break
                except Killed:
                    died = True
                    if wiped:
                        platform.exchange.redis.flushall()
        assert told(found) == expected, writes
        runs = [run for run in platform.record.runs() if run.startswith(mine)]
        assert runs == [run_of_trial(mine, number) for number in range(2 * POPULATION)]
        assert list(Line(platform.store, platform.exchange).all()) == []
        if not died and left[0] >= 0:
            return
    pytest.fail("a study writes more than 200 times")


def told(found: Found) -> list[tuple]:
    return [(each.point, each.parent, each.start, found.results[each.number].value) for each in found.proposals]


def optimisers_of(view: StudyView, proposal: Proposal) -> set[str]:
    """Return the optimisers of a trial and of those that it goes on from."""
    return {stretch.point["outer.optimizer.name"] for stretch in schedule(view, proposal)}


def test_the_schedule_that_was_found_comes_to_the_same_phi(fleet: Platform, stack: Stack) -> None:
    # Given a population on a fleet, of runs that may change their optimiser, which decides on a field that others lack,
    # and a trial that changed it on its way
    space = study()["space"] | {
        "outer.optimizer.name": {"type": "choice", "values": ["adam", "sgd"]},
        "outer.clip_norm": {"type": "float", "low": 0.5, "high": 2.0, "when": {"outer.optimizer.name": "sgd"}},
    }
    proposer = PBT["proposer"] | {"resample": 1.0}
    mine = submit_study(
        fleet, parse_study(study(**PBT | {"space": space, "proposer": proposer, "budget": {"trials": 5 * POPULATION}}))
    )
    wait_for_study(fleet, mine, stack)
    view = view_of_study(fleet, mine)
    last = next(each for each in view.found.proposals if optimisers_of(view, each) == {"adam", "sgd"})
    text = best_spec(view, last.number)
    # If that is gone through again by the commands that `study best` says, I expect the same φ at every version.
    run = submit(fleet, parse_text(text))
    assert wait_for_end(fleet, run) == "complete"
    for line in [line for line in text.splitlines() if "phiforge branch RUN" in line]:
        words = shlex.split(line.removeprefix("#"))
        settings = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
        run = branch(fleet, run, int(words[words.index("--at") + 1]), settings)
        assert wait_for_end(fleet, run) == "complete"
    assert fleet.run(run).versions == last.rungs[-1]
    assert hashes(fleet, run) == hashes(fleet, run_of_trial(mine, last.number))
