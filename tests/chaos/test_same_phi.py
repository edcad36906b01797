"""The same φ to the bit, whatever the fleet does."""

import time

import pytest

from client.stack import Stack
from client.submission import cancel, resume, submit
from phiforge.platform import Platform
from phiforge.record import training_episodes_key
from tests.fleet import hashes, small_spec, wait_for_end, wait_for_version, wait_until

pytestmark = pytest.mark.services

VERSIONS = 20
HALF = VERSIONS // 2


@pytest.fixture(scope="module")
def undisturbed(platform: Platform) -> dict[int, str]:
    """The hash of φ at every version, from a fleet of one trainer that nothing happened to."""
    with Stack(platform.settings, trainers=1):
        run = submit(platform, small_spec())
        assert wait_for_end(platform, run) == "complete"
    return hashes(platform, run)


def test_every_version_is_logged_once(undisturbed: dict[int, str]) -> None:
    # Given a finished run, I expect one hash a version, all different.
    assert list(undisturbed) == list(range(1, VERSIONS + 1))
    assert len(set(undisturbed.values())) == VERSIONS


def test_two_trainers(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given two trainers instead of one
    with Stack(platform.settings, trainers=2):
        # If the same spec is run
        run = submit(platform, small_spec())
        assert wait_for_end(platform, run) == "complete"
    # I expect the same φ at every version.
    assert hashes(platform, run) == undisturbed


def test_a_trainer_killed_half_way(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given two trainers
    with Stack(platform.settings, trainers=2) as stack:
        run = submit(platform, small_spec())
        wait_for_version(platform, run, HALF)
        # If one is killed by -9 half-way
        killed_at = time.monotonic()
        victim = next(service for service in stack.services if service.name == "trainer-0")
        victim.process.kill()
        head = platform.exchange.state(run).head
        wait_for_version(platform, run, min(head + 2, VERSIONS))
        # I expect the run to move again within seconds,
        assert time.monotonic() - killed_at < 15
        assert wait_for_end(platform, run) == "complete"
    # and the same φ at every version.
    assert hashes(platform, run) == undisturbed


def test_every_message_doubled(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given two trainers
    with Stack(platform.settings, trainers=2):
        run = submit(platform, small_spec())
        # If the jobs of every version are sent again and again while it is open
        while platform.record.status(run) == "running":
            state = platform.exchange.state(run)
            if state.head < VERSIONS:
                for job in range(4):
                    platform.queue.train(run, state.head, job)
            time.sleep(0.05)
    # I expect the same φ at every version.
    assert hashes(platform, run) == undisturbed


def test_redis_wiped(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given two trainers
    with Stack(platform.settings, trainers=2) as stack:
        run = submit(platform, small_spec())
        wait_for_version(platform, run, HALF)
        # If Redis loses all it holds, queues included
        platform.exchange.redis.flushall()
        wait_until(lambda: platform.record.status(run) == "complete", "the end", stack)
    # I expect the run to go on from its last checkpoint to the same φ at every version.
    assert hashes(platform, run) == undisturbed


def test_everything_killed_and_started_again(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given a fleet
    with Stack(platform.settings, trainers=2) as stack:
        run = submit(platform, small_spec())
        wait_for_version(platform, run, HALF)
        # If every service is killed by -9 and Redis wiped,
        for service in stack.services:
            service.process.kill()
        platform.exchange.redis.flushall()
    # and another fleet is started
    with Stack(platform.settings, trainers=1):
        assert wait_for_end(platform, run) == "complete"
    # I expect the same φ at every version.
    assert hashes(platform, run) == undisturbed


def test_damaged_and_lost_episodes(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given a run whose sampler is ahead
    spec = small_spec(sampling={"window": 8})
    with Stack(platform.settings, trainers=1) as stack:
        run = submit(platform, spec)
        wait_for_version(platform, run, 1)
        # If episodes that no trainer has read yet are damaged or lost
        damaged, lost = training_episodes_key(run, 7, 1), training_episodes_key(run, 7, 2)
        wait_until(lambda: platform.store.exists(lost), "episodes sampled ahead", stack)
        platform.store.put(damaged, platform.store.get(damaged)[:-1])
        platform.store.delete(lost)
        assert wait_for_end(platform, run) == "complete"
    # I expect them to be sampled again, to the same φ.
    assert hashes(platform, run) == undisturbed


def test_cancelled_and_resumed(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given a run
    with Stack(platform.settings, trainers=2):
        run = submit(platform, small_spec())
        wait_for_version(platform, run, 7)
        # If it is cancelled
        cancel(platform, run)
        stopped_at = platform.exchange.state(run).head
        time.sleep(3 * platform.settings.reconcile_seconds)
        # I expect it to stand still,
        assert platform.exchange.state(run).head == stopped_at
        assert platform.record.status(run) == "cancelled"
        # and, once resumed, to end with the same φ.
        resume(platform, run)
        assert wait_for_end(platform, run) == "complete"
    assert hashes(platform, run) == undisturbed


def test_an_evaluator_killed(platform: Platform, undisturbed: dict[int, str]) -> None:
    # Given a run whose only evaluator is killed by -9 at its first chunks
    with Stack(platform.settings, trainers=2) as stack:
        run = submit(platform, small_spec())
        wait_for_version(platform, run, HALF)
        next(service for service in stack.services if service.name == "evaluator-0").process.kill()
        # If another takes its place
        stack.start("evaluator", 1)
        # I expect every validation, the test and the report.
        assert wait_for_end(platform, run) == "complete"
    assert platform.record.scored(run, "validation") == [0, 10, 20]
    report = platform.record.report(run)
    assert report["final_phi_hash"] == undisturbed[VERSIONS]
    assert report["test"]["tasks"] == 20
