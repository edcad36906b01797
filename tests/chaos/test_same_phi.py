"""The same φ to the bit for images and networks too, whatever the fleet is and does; single faults are beside this."""

from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge_client.chaos.faults import broker, processes
from phiforge_client.chaos.stage import Stage
from phiforge_client.chaos.watchdog import Watchdog
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, resume, submit
from tests.chaos.conftest import MOST_STILL_SECONDS
from tests.fleet import hashes, small_spec, wait_for_end

pytestmark = pytest.mark.services

VERSIONS = 20
HALF = VERSIONS // 2


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """The hash of φ at every version, from a fleet of one trainer on a folder that nothing happened to."""
    settings = Settings(home=tmp_path_factory.mktemp("one-trainer"))
    with Stack(settings, trainers=1):
        platform = Platform.open(settings)
        run = submit(platform, small_spec())
        assert wait_for_end(platform, run) == "complete"
        platform.close()
    return hashes(platform, run)


@pytest.fixture
def watchdog(on_s3: Stage) -> Iterator[Watchdog]:
    """Watches a run of the same spec on three trainers and S3."""
    with on_s3.watching(submit(on_s3.platform, small_spec()), MOST_STILL_SECONDS) as watchdog:
        yield watchdog


def finish(stage: Stage) -> None:
    """Wait until the run is over, and expect it to be complete."""
    while not stage.over:
        pass
    assert stage.platform.record.status(stage.run) == "complete"


def test_every_version_is_logged_once(undisturbed: dict[int, str]) -> None:
    # Given a finished run, I expect one hash a version, all different.
    assert list(undisturbed) == list(range(1, VERSIONS + 1))
    assert len(set(undisturbed.values())) == VERSIONS


def test_other_trainers_another_store(on_s3: Stage, watchdog: Watchdog, undisturbed: dict[int, str]) -> None:
    # Given three trainers on S3 instead of one on a folder
    finish(on_s3)
    # I expect the same φ at every version, every validation, and the test in the report.
    record = on_s3.platform.record
    assert hashes(on_s3.platform, watchdog.run) == undisturbed
    assert record.scored(watchdog.run, "validation") == [0, HALF, VERSIONS]
    report = record.report(watchdog.run)
    assert report["final_phi_hash"] == undisturbed[VERSIONS]
    assert report["test"]["tasks"] == 20


def test_all_jobs_sent_again_and_again(on_s3: Stage, watchdog: Watchdog, undisturbed: dict[int, str]) -> None:
    # Given a run whose jobs are sent again and again while their version is open
    while not on_s3.over:
        if watchdog.head < VERSIONS:
            for job in range(4):
                on_s3.platform.queue.train(watchdog.run, watchdog.head, job)
    # I expect the same φ at every version.
    assert hashes(on_s3.platform, watchdog.run) == undisturbed


def test_everything_lost_but_the_record(on_s3: Stage, watchdog: Watchdog, undisturbed: dict[int, str]) -> None:
    # Given a run half-way
    on_s3.reach(HALF)
    # If every service is killed by -9, Redis wiped, and another fleet started
    processes.kill_everything(on_s3)
    broker.wipe_redis(on_s3)
    finish(on_s3)
    # I expect the same φ at every version.
    assert hashes(on_s3.platform, watchdog.run) == undisturbed


def test_lost_episodes(on_s3: Stage, watchdog: Watchdog, undisturbed: dict[int, str]) -> None:
    # Given a run whose sampler is ahead
    on_s3.reach(1)
    lost = [training_episodes_key(watchdog.run, 4, job) for job in range(4)]
    assert on_s3.wait(lambda: all(map(on_s3.platform.store.exists, lost)), 30)
    # If episodes are lost that no trainer has read yet
    for key in lost:
        on_s3.platform.store.delete(key)
    finish(on_s3)
    # I expect them to be sampled again, to the same φ.
    assert hashes(on_s3.platform, watchdog.run) == undisturbed


def test_cancelled_and_resumed(on_s3: Stage, watchdog: Watchdog, undisturbed: dict[int, str]) -> None:
    # Given a run
    on_s3.reach(7)
    # If it is cancelled, I expect it to stand still,
    cancel(on_s3.platform, watchdog.run)
    stopped_at = on_s3.platform.exchange.state(watchdog.run)
    on_s3.pause(4 * on_s3.platform.settings.reconcile_seconds)
    assert on_s3.platform.exchange.state(watchdog.run) == stopped_at
    assert on_s3.platform.record.status(watchdog.run) == "cancelled"
    # and, once resumed, to end with the same φ.
    watchdog.expect_rewind()
    watchdog.forgive()
    resume(on_s3.platform, watchdog.run)
    assert wait_for_end(on_s3.platform, watchdog.run) == "complete"
    assert hashes(on_s3.platform, watchdog.run) == undisturbed
