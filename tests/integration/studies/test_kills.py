"""Whoever moves a study may die between any two writes, or another may look too: same proposals, no trial twice."""

from collections.abc import Callable
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import look, studies_of
from phiforge.runs.studies.outcome import StudyStatus, run_of_trial
from phiforge.runs.studies.record import Studies
from phiforge.runs.waiting.line import Line
from phiforge.search.read import parse_study
from phiforge_client.studies.submission import submit_study
from tests.integration.queue.test_kills import Killed, between_writes, die
from tests.integration.studies.conftest import finish, judge, loss_at, study, trials_that_go_on
from tests.thorough import every

pytestmark = [pytest.mark.services, pytest.mark.slow]

MOST_WRITES = 120
MOST_ROUNDS = 40
TRIALS = 3
PLAIN = {"budget": {"trials": TRIALS}, "generation": 2}
HALVED = {
    "budget": {"trials": TRIALS},
    "generation": TRIALS,
    "scheduler": {"name": "successive_halving", "factor": 2, "rungs": 2},
}
MEDIAN = {
    "budget": {"trials": TRIALS},
    "generation": 1,
    "scheduler": {"name": "median_stopping", "rungs": 2, "startup": 1},
}
RUNGS = (2, 4)
"""Of the studies that stop trials."""


def told(platform: Platform, submitted: str) -> list[tuple]:
    """Return what a study tried and what came of it."""
    found = Found.of(Studies(platform.store), submitted)
    return [(each.point, found.results[each.number].value, found.results[each.number].end) for each in found.proposals]


def go_on(platform: Platform, run: str) -> None:
    """Let a trial come to its next rung, or to its end; one that can be held is so only while it is not active."""
    if not platform.record.has_checkpoint(run, 0):
        return
    if platform.run(run).spec.evaluation.every == RUNGS[0]:
        if not platform.record.is_active(run):
            return
        if RUNGS[0] not in platform.record.scored(run, "validation"):
            judge(platform, run, RUNGS[0])
            return
    finish(platform, run, loss_at(platform, run))


def round_of(platform: Platform, submitted: str) -> bool:
    """Let every trial that can go on do so, and services look once; say whether the study is over."""
    for run in trials_that_go_on(platform, submitted):
        go_on(platform, run)
    look(platform, submitted)
    reconcile_all(platform)
    return Studies(platform.store).status(submitted) is not StudyStatus.RUNNING


def disturbed(
    platform: Platform, changes: dict[str, Any], writes: int, happens: Callable[[str], None], wiped: bool = False
) -> tuple[str, bool]:
    """Go through a study, at whose so manieth write something happens; return its id, and whether it did."""
    before = set(platform.once(studies_of).all())

    def mine() -> str:
        return next(iter(set(platform.once(studies_of).all()) - before), "")

    with pytest.MonkeyPatch.context() as patch:
        left = between_writes(platform, patch, writes, lambda: happens(mine()))
        for _ in range(MOST_ROUNDS):
            try:
                submitted = mine() or submit_study(platform, parse_study(study(**changes)))
                if round_of(platform, submitted):
                    break
            except Killed:
                if wiped:
                    platform.exchange.redis.flushall()
        else:
            pytest.fail(f"the study is not over after {MOST_ROUNDS} looks, with something at write {writes}")
    return submitted, left[0] < 0


def expect_each_trial_once(platform: Platform, submitted: str) -> None:
    """Expect as many runs as trials, and none of them left anywhere."""
    reconcile_all(platform)
    runs = [run for run in platform.record.runs() if run.startswith(submitted)]
    assert runs == [run_of_trial(submitted, number) for number in range(TRIALS)]
    assert list(Line(platform.store, platform.exchange).all()) == []
    assert platform.record.active() == []
    assert platform.once(studies_of).active() == []


@pytest.mark.parametrize("step", every(7))
@pytest.mark.parametrize("changes", [PLAIN, HALVED, MEDIAN], ids=["plain", "halved", "median"])
@pytest.mark.parametrize("wiped", [False, True], ids=["kept", "wiped"])
def test_killed_between_any_two_writes(platform: Platform, changes: dict[str, Any], wiped: bool, step: int) -> None:
    # Given what a study tries, and what comes of it, if nothing happens
    undisturbed, _ = disturbed(platform, changes, 10_000, lambda _: None)
    expected = told(platform, undisturbed)
    assert len(expected) == TRIALS
    # If whoever moves it dies after so many writes, maybe with Redis, I expect the same, each trial once.
    for writes in range(0, MOST_WRITES, step):
        submitted, did = disturbed(platform, changes, writes, lambda _: die(), wiped)
        assert told(platform, submitted) == expected, writes
        expect_each_trial_once(platform, submitted)
        if not did:
            return
    pytest.fail(f"a study writes more than {MOST_WRITES} times")


@pytest.mark.parametrize("step", every(7))
@pytest.mark.parametrize("changes", [PLAIN, HALVED, MEDIAN], ids=["plain", "halved", "median"])
def test_others_look_between_any_two_writes(
    platform: Platform, settings: Settings, changes: dict[str, Any], step: int
) -> None:
    # Given a second process that looks, and what a study tries if nobody else does
    other = Platform.open(settings)
    undisturbed, _ = disturbed(platform, changes, 10_000, lambda _: None)
    expected = told(platform, undisturbed)
    # If it looks after so many writes of the first, without minding any lock, I expect the same, each trial once.
    for writes in range(0, MOST_WRITES, step):
        submitted, did = disturbed(platform, changes, writes, lambda mine: mine and look(other, mine))
        assert told(platform, submitted) == expected, writes
        expect_each_trial_once(platform, submitted)
        if not did:
            other.close()
            return
    pytest.fail(f"a study writes more than {MOST_WRITES} times")
