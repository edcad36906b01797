"""A queue of runs under faults: every run goes through, once, in any order of admissions to the same φ."""

from collections.abc import Callable

import pytest

from phiforge.base.fault_points import OF_THE_QUEUE
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.line import Line
from phiforge_client.chaos.campaign import Reference, undisturbed
from phiforge_client.chaos.faults import KINDS, processes
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage
from phiforge_client.chaos.verdict import hashes
from phiforge_client.submission import submit
from tests.chaos.conftest import MOST_STILL_SECONDS
from tests.thorough import NIGHTLY

pytestmark = pytest.mark.services

VERSIONS = 20
RUNS = 4


@pytest.fixture(scope="module")
def reference(on_folder: Stage) -> Reference:
    """φ's hash at every version of a run that nothing happened to, and that waited for nobody."""
    return undisturbed(on_folder, small_run(VERSIONS), MOST_STILL_SECONDS)


def go_through(stage: Stage, reference: Reference, fault: Callable[[str], None]) -> None:
    """Queue runs, let ``fault`` happen while every second is watched, and expect all to go through."""
    runs = [submit(stage.platform, small_run(VERSIONS)) for _ in range(RUNS)]
    for run in runs:
        with stage.watching(run, RUNS * MOST_STILL_SECONDS):
            if run in runs[::2]:
                fault(run)
            while not stage.over:
                pass
    # Each was completed, each version committed once, whatever order they came in;
    assert [stage.platform.record.status(run) for run in runs] == [RunStatus.COMPLETE] * RUNS
    assert [hashes(stage.platform, run) for run in runs] == [reference] * RUNS
    # and nothing is left of them in the queue, once services have looked.
    line = Line(stage.platform.store, stage.platform.exchange)
    with stage.watching(runs[-1], MOST_STILL_SECONDS):
        while stage.platform.record.active() or list(line.all()):
            stage.look()


@pytest.mark.parametrize(
    "kind",
    [
        "kill-everything",
        "wipe-redis",
        *(pytest.param(kind, marks=NIGHTLY) for kind in ("kill-trainer", "kill-evaluator", "lose-messages")),
    ],
)
def test_a_queue_under_faults(on_folder: Stage, reference: Reference, kind: str) -> None:
    # Given runs that wait for each other on a fleet
    # If a fault befalls some as soon as they are there, I expect all to go through.
    go_through(on_folder, reference, lambda _: KINDS[kind].inject(on_folder))


@pytest.mark.parametrize("point", OF_THE_QUEUE)
def test_killed_while_a_run_is_admitted(on_folder: Stage, reference: Reference, point: str) -> None:
    # Given runs that wait for each other on a fleet
    died = []

    def kill(run: str) -> None:
        if not died and len(list(Line(on_folder.platform.store, on_folder.platform.exchange).ready())) > 0:
            died.append(processes.at_point(on_folder, point, "kill"))

    # If whoever admits the next dies half way, I expect that one did, and all to go through.
    go_through(on_folder, reference, kill)
    assert died != [None]
    assert died
