"""Processes that are killed at random moments and at every named point, or stand still and wake up too late."""

import signal

import pytest

from phiforge.base.fault_points import POINTS
from phiforge_client.chaos.campaign import Reference, undisturbed
from phiforge_client.chaos.faults import processes
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage
from phiforge_client.chaos.verdict import judge
from phiforge_client.submission import submit
from tests.chaos.conftest import MOST_STILL_SECONDS, VERSIONS, Disturb
from tests.chaos.counting import counted
from tests.fleet import wait_until

pytestmark = pytest.mark.services


def test_nothing_happens(on_s3: Stage, reference: Reference) -> None:
    # Given a fleet on another kind of store
    # If nothing happens, I expect every version once, and the same φ.
    assert [version for version, _ in reference] == list(range(1, VERSIONS + 1))
    assert len({phi_hash for _, phi_hash in reference}) == VERSIONS
    assert undisturbed(on_s3, small_run(VERSIONS), MOST_STILL_SECONDS) == reference


@pytest.mark.parametrize("kind", ["trainer", "sampler", "evaluator"])
def test_killed_at_random_moments(on_folder: Stage, disturb: Disturb, kind: str) -> None:
    # Given a run
    # If processes are killed by -9 whatever they do, I expect the same φ at every version, each committed once.
    disturb(on_folder, *[f"kill-{kind}"] * 3, apart=8)


def test_all_killed_at_once(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run
    # If every service is killed by -9 at once, I expect the same.
    disturb(on_folder, "kill-everything", first=20)


def test_killed_at_every_named_point(on_s3: Stage, reference: Reference) -> None:
    # Given a run
    stage, crashes = on_s3, len(on_s3.own.crashes())
    run = submit(stage.platform, small_run(VERSIONS))
    died = {}
    with stage.watching(run, MOST_STILL_SECONDS) as watchdog:
        # If at every point where a process may die one does
        for point in POINTS:
            died[point] = processes.at_point(stage, point, "kill")
        while not stage.over:
            pass
        verdict = judge(stage.platform, run, reference, watchdog.hashes)
    # I expect that each did, and the same φ at every version, each committed once.
    assert all(died.values()), died
    assert len(set(died.values())) == len(POINTS)
    assert verdict.equal, verdict
    assert len(stage.own.crashes()) == crashes


def test_a_zombie(on_folder: Stage, disturb: Disturb) -> None:
    # Given a trainer that stands still with a finished contribution in its hand
    commits, late = counted(on_folder, "phiforge_commits_total"), turned_away(on_folder)
    deaths = len(on_folder.own.deaths)
    # If it wakes up when the run is versions ahead
    disturb(on_folder, "zombie")
    # I expect that it is turned away, that all went on meanwhile, and not one commit too many.
    assert len(on_folder.own.deaths) == deaths
    wait_until(lambda: turned_away(on_folder) > late, "the zombie to be turned away")
    assert counted(on_folder, "phiforge_commits_total") == commits + VERSIONS


def turned_away(stage: Stage) -> float:
    """Jobs whose contribution came too late: for another version, or for a run that is over by then."""
    return sum(counted(stage, "phiforge_jobs_total", outcome) for outcome in ("stale", "stopped"))


def test_who_was_killed_by_its_order_is_told_from_who_crashed(on_folder: Stage) -> None:
    # Given the deaths of this fleet, I expect SIGKILL alone.
    assert {death.exit_code for death in on_folder.own.deaths} <= {None, -signal.SIGKILL}
