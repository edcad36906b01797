"""A queue of runs on a real fleet: results come one after the other, and φ does not know when its run was admitted."""

from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge_client.selection import to_each
from phiforge_client.stack import Stack
from phiforge_client.steering import pause_one, resume_one
from phiforge_client.submission import submit
from tests.badinput.conftest import waves
from tests.fleet import hashes, wait_for_end, wait_for_version, wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    """One sampler, two trainers and one evaluator."""
    with Stack(settings, trainers=2) as stack:
        yield stack


@pytest.fixture
def platform(settings: Settings, stack: Stack) -> Iterator[Platform]:
    """The connections of the tests themselves, once the trainers said that they are there."""
    platform = Platform.open(settings)
    wait_until(lambda: platform.exchange.workers("training") == 2, "the trainers", stack)
    yield platform
    platform.close()


def test_results_come_one_after_the_other(platform: Platform, stack: Stack) -> None:
    # Given six runs at once, of one spec, for two trainers, each with jobs for both
    runs = [submit(platform, waves()) for _ in range(6)]
    most_active, over = 0, list[str]()

    def look() -> bool:
        nonlocal most_active
        most_active = max(most_active, len(platform.record.active()))
        over.extend(run for run in runs if run not in over and platform.record.status(run) is not RunStatus.RUNNING)
        return len(over) == len(runs)

    # If they go through, I expect few of them to be active at any time: one that learns, and those that are judged,
    wait_until(look, "the end of all", stack)
    assert most_active <= 3
    # each to be complete, in the order that they came, and all to have the same φ at every version.
    assert over == runs
    assert {platform.record.status(run) for run in runs} == {"complete"}
    assert [hashes(platform, run) for run in runs[1:]] == [hashes(platform, runs[0])] * 5
    wait_until(lambda: not platform.record.active(), "the end of the queue", stack)


def test_held_and_resumed_to_the_same_phi(platform: Platform, stack: Stack) -> None:
    # Given a run that goes on, and one of the same spec that waits
    spec = waves(outer={"versions": 300}, checkpoint={"every": 20})
    first, second = submit(platform, spec), submit(platform, spec)
    wait_for_version(platform, first, 30)
    # If it is held, I expect the other to be admitted, and it to stand;
    to_each(platform, [first], pause_one)
    assert wait_for_end(platform, second) == "complete"
    assert platform.record.status(first) == "running"
    assert platform.exchange.state(first) is None
    newest = platform.record.checkpoints(first)[-1]
    assert newest < 300
    # if it is resumed, to go on, to the φ that the other came to, which nobody held.
    to_each(platform, [first], resume_one)
    assert wait_for_end(platform, first) == "complete"
    assert hashes(platform, first) == hashes(platform, second)
