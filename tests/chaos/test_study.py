"""A study under faults: the same proposals, the same results, every trial once, whatever dies or is lost meanwhile."""

import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from phiforge.base.fault_points import OF_STUDIES
from phiforge.runs.record import RunStatus
from phiforge.runs.studies.found import Found
from phiforge.runs.studies.look import studies_of
from phiforge.runs.studies.outcome import StudyStatus, run_of_trial
from phiforge.runs.waiting.line import Line
from phiforge.search.read import parse_study
from phiforge_client.chaos.faults.processes import kill_everything
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage
from phiforge_client.chaos.verdict import hashes
from phiforge_client.studies.submission import submit_study
from tests.thorough import NIGHTLY

pytestmark = [pytest.mark.services, pytest.mark.slow]

TRIALS, GENERATION = 6, 3
MOST_SECONDS = 150.0
STUDY = {
    "name": "chaos",
    "base": small_run(20),
    "space": {
        "learner.inner_lr": {"type": "log", "low": 0.001, "high": 0.1},
        "outer.optimizer.name": {"type": "choice", "values": ["adam", "sgd"]},
    },
    "proposer": {"name": "regularised_evolution", "population": GENERATION, "sample": 2},
    "budget": {"trials": TRIALS},
    "generation": GENERATION,
}
"""The second half is proposed of what came of the first."""

BY_DAY = ["study.judged"]
BY_NIGHT = [pytest.param(point, marks=NIGHTLY) for point in OF_STUDIES if point not in BY_DAY]
"""Points to die at."""


class Outcome(NamedTuple):
    """What a study tried, what each trial came to, and the hash of φ at every version of each."""

    points: list
    values: list
    hashes: list


Fault = Callable[[Stage, Found], None]


def go_through(stage: Stage, fault: Fault) -> Outcome:
    """Submit a study, let ``fault`` see it all the time, and return what it came to."""
    studies = studies_of(stage.platform)
    submitted, deadline = submit_study(stage.platform, parse_study(STUDY)), time.monotonic() + MOST_SECONDS
    while studies.status(submitted) is StudyStatus.RUNNING or stage.platform.record.active() or studies.active():
        assert time.monotonic() < deadline, f"the study is not over after {MOST_SECONDS} s"
        stage.own.tend()
        fault(stage, Found.of(studies, submitted))
        time.sleep(0.05)
    stage.own.withdraw()
    return told(stage, submitted)


def told(stage: Stage, submitted: str) -> Outcome:
    """Return what a study came to, once it is seen that each trial was a run, once, and that nothing is left."""
    found = Found.of(studies_of(stage.platform), submitted)
    runs = [run_of_trial(submitted, number) for number in range(TRIALS)]
    record = stage.platform.record
    assert [run for run in record.runs() if run.startswith(submitted)] == runs
    assert [record.status(run) for run in runs] == [RunStatus.COMPLETE] * TRIALS
    assert list(Line(stage.platform.store, stage.platform.exchange).all()) == []
    points = [dict(proposal.point) for proposal in found.proposals]
    return Outcome(points, [found.results[n].value for n in range(TRIALS)], [hashes(stage.platform, r) for r in runs])


@pytest.fixture(scope="module")
def undisturbed(on_folder: Stage) -> Outcome:
    """What the study comes to if nothing happens."""
    return go_through(on_folder, lambda stage, found: None)


def once_at(results: int, act: Callable[[Stage], None]) -> Fault:
    """Return a fault that happens as soon as so many trials are over, once."""
    done: list[int] = []

    def fault(stage: Stage, found: Found) -> None:
        if not done and len(found.results) >= results:
            done.append(results)
            act(stage)

    return fault


def wipe(stage: Stage) -> None:
    stage.platform.exchange.redis.flushall()


@pytest.mark.parametrize("results", [pytest.param(0, marks=NIGHTLY), GENERATION])
@pytest.mark.parametrize("act", [kill_everything, wipe], ids=["kill-everything", "wipe-redis"])
def test_a_study_under_faults(
    on_folder: Stage, undisturbed: Outcome, act: Callable[[Stage], None], results: int
) -> None:
    # Given a study whose later trials follow from what came of earlier ones
    # If everything is killed, or Redis is wiped, in either half, I expect the same in the end.
    assert go_through(on_folder, once_at(results, act)) == undisturbed


@pytest.mark.parametrize("point", BY_DAY + BY_NIGHT)
def test_killed_while_a_study_is_moved(on_folder: Stage, undisturbed: Outcome, point: str) -> None:
    # Given a study on a fleet
    ordered = once_at(0, lambda stage: stage.own.order(f"{point}=kill"))
    died: list[int] = []

    def fault(stage: Stage, found: Found) -> None:
        ordered(stage, found)
        if not died and (pid := stage.own.obeyed()):
            died.append(pid)

    # If whoever moves it on dies half way, I expect that one did, and the same in the end.
    assert go_through(on_folder, fault) == undisturbed
    assert died
