"""What recovery stands on: locks that free themselves, patience on any clock, and its time in the metrics."""

import time
from collections.abc import Iterator
from typing import NoReturn

import pytest
from prometheus_client import REGISTRY

from phiforge.base.errors import IncapableWorkerError, StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.fleet.service import reconcile_in_turn
from phiforge.runs.commit_log import Origin
from phiforge.runs.reconcile import reconcile, reconcile_all
from phiforge.runs.steps import Commit
from phiforge_client.chaos.spec import small_run
from phiforge_client.submission import submit
from tests.fleet import steps_of

pytestmark = pytest.mark.services

HOUR_MS = 3600 * 1000
JOBS = 4


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A fleet's connections, with no service anywhere and a patience of nothing."""
    platform = Platform.open(settings.model_copy(update={"stall_seconds": 0.01}))
    yield platform
    platform.close()


@pytest.fixture
def run(platform: Platform) -> str:
    return submit(platform, small_run(versions=20))


def recoveries() -> tuple[float, float]:
    """Return how many recoveries this process has counted, and their seconds."""
    name = "phiforge_recovery_seconds"
    return REGISTRY.get_sample_value(f"{name}_count") or 0, REGISTRY.get_sample_value(f"{name}_sum") or 0


def commit(platform: Platform, run: str, version: int) -> bool:
    """Publish what stands for every contribution, and commit."""
    for job in range(JOBS):
        steps_of(platform).publish(run, version, job, b"contribution", Origin("", "", "", 0.0))
    made = Commit(b"phi", b"optimizer", "hash", "", b"{}", {"loss": 0.0, "accuracy": 0.0}, tasks=8)
    return steps_of(platform).commit(run, version, JOBS, made)


def shift_signs_of_life(platform: Platform, run: str, milliseconds: int) -> None:
    """Change what Redis noted as the putting back or ahead of its clock would."""
    key = f"{platform.settings.namespace}:{{{run}}}:state"
    platform.exchange.redis.hincrby(key, "moved_at", milliseconds)


def test_a_lock_is_one_holder_s(platform: Platform) -> None:
    # Given a lock that is held
    with platform.locks.hold("it", 60) as first:
        # If another wants it, I expect a no,
        with platform.locks.hold("it", 60) as second:
            assert (first, second) == (True, False)
        # which does not free it;
        with platform.locks.hold("it", 60) as third:
            assert not third
    # and a yes once it is free.
    with platform.locks.hold("it", 60) as again:
        assert again


def test_a_lock_that_freed_itself_is_not_freed_again(platform: Platform) -> None:
    # Given a holder that takes longer than its lock lasts
    name = f"{platform.settings.namespace}:lock:it"
    with platform.locks.hold("it", 60):
        platform.exchange.redis.delete(name)
        # If another takes it and the first ends
        other = platform.locks.hold("it", 60)
        assert other.__enter__()
    # I expect it to be the other's still.
    assert platform.exchange.redis.exists(name)
    other.__exit__(None, None, None)
    assert not platform.exchange.redis.exists(name)


def test_a_lock_from_the_future_is_nobody_s(platform: Platform) -> None:
    # Given a holder that died, and a clock of Redis that was put back by an hour then
    seconds, _ = platform.exchange.redis.time()
    name = f"{platform.settings.namespace}:lock:it"
    platform.exchange.redis.set(name, f"{seconds * 1000 + HOUR_MS} somebody", px=HOUR_MS)
    # I expect the next to get it.
    with platform.locks.hold("it", 10) as mine:
        assert mine


def test_a_lock_that_stays_is_nobody_else_s_until_its_time_is_over(platform: Platform) -> None:
    # Given one that had it
    with platform.locks.hold("it", 0.2, stays=True) as first:
        pass
    # I expect no other to have it at once, but the next a while later.
    with platform.locks.hold("it", 0.2, stays=True) as second:
        assert (first, second) == (True, False)
    time.sleep(0.25)
    with platform.locks.hold("it", 0.2, stays=True) as third:
        assert third


def test_a_lock_that_stays_is_free_where_it_came_to_nothing(platform: Platform) -> None:
    # Given one that fails while it has it
    with pytest.raises(StoreError), platform.locks.hold("it", 60, stays=True):
        raise StoreError("no way there")
    # I expect the next to have it.
    with platform.locks.hold("it", 60, stays=True) as next_one:
        assert next_one


def test_the_look_of_who_cannot_read_a_run_counts_for_nobody(platform: Platform, run: str) -> None:
    # Given two trainers, of which one lacks a part that a run names, and a run beside it
    platform.exchange.redis.delete(platform.queue.name("training"))
    lacking = Platform.open(platform.settings)

    def unreadable(each: str) -> NoReturn:
        raise IncapableWorkerError(f"the learner of {each} is not installed here")

    lacking.run = unreadable  # type: ignore[assignment]
    # If that one looks first, I expect it to say what it leaves to others,
    with pytest.raises(IncapableWorkerError, match=f"run {run}: the learner of"):
        reconcile_in_turn(lacking, "training")
    assert platform.exchange.waiting(platform.queue.name("training")) == 0
    # and the other to help the run all the same, at once.
    reconcile_in_turn(platform, "training")
    assert platform.exchange.waiting(platform.queue.name("training")) == JOBS
    lacking.close()


def test_of_many_trainers_one_looks(platform: Platform, run: str) -> None:
    # Given a run whose messages are lost, and two trainers
    platform.exchange.redis.delete(platform.queue.name("training"))
    other = Platform.open(platform.settings)
    # If one looks after the other
    reconcile_in_turn(platform, "training")
    sent = platform.exchange.waiting(platform.queue.name("training"))
    other.sightings.note(run, other.exchange.state(run))
    before = other.sightings.silence(run)
    asked = counting(other)
    reconcile_in_turn(other, "training")
    # I expect the first to have sent its jobs again, and the second to ask the store for nothing,
    assert sent == JOBS
    assert asked == []
    # but to know when it last saw the run alive.
    after = other.sightings.silence(run)
    assert before is not None
    assert after is not None
    assert after < before + 0.01
    other.close()


def test_evaluators_look_where_no_trainer_does(platform: Platform, run: str) -> None:
    # Given a fleet in which no trainer looks, I expect an evaluator to.
    asked = counting(platform)
    reconcile_in_turn(platform, "evaluation")
    assert asked
    # Given a trainer that does, I expect its look to count for evaluators too, some pauses long,
    _free(platform, "look:evaluation")
    reconcile_in_turn(platform, "training")
    asked.clear()
    reconcile_in_turn(platform, "evaluation")
    assert asked == []
    # and then no more.
    _free(platform, "look:evaluation", "trainer-looked")
    reconcile_in_turn(platform, "evaluation")
    assert asked


def test_a_trainer_looks_whatever_evaluators_do(platform: Platform, run: str) -> None:
    # Given an evaluator that just looked, which may do less, if a trainer looks, I expect it to.
    reconcile_in_turn(platform, "evaluation")
    asked = counting(platform)
    reconcile_in_turn(platform, "training")
    assert asked


def test_a_look_that_failed_does_not_count_for_evaluators(platform: Platform, run: str) -> None:
    # Given a trainer that cannot reach the store
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(platform.record, "active", _raise)
        with pytest.raises(StoreError):
            reconcile_in_turn(platform, "training")
    # I expect an evaluator to look.
    asked = counting(platform)
    reconcile_in_turn(platform, "evaluation")
    assert asked


def _raise() -> None:
    raise StoreError("cannot be reached")


def _free(platform: Platform, *names: str) -> None:
    """Let time pass for locks."""
    platform.exchange.redis.delete(*(f"{platform.exchange.namespace}:lock:{name}" for name in names))


def counting(platform: Platform) -> list[str]:
    """Return a list to which every later listing of the store adds its prefix."""
    asked: list[str] = []
    list_keys = platform.store.list
    platform.record.store.list = lambda prefix: asked.append(prefix) or list_keys(prefix)  # type: ignore[method-assign, func-returns-value]
    return asked


@pytest.mark.parametrize("jump", [HOUR_MS, -HOUR_MS])
def test_a_jump_of_the_clock_of_redis_does_not_silence_reconcile(platform: Platform, run: str, jump: int) -> None:
    # Given a run whose messages are lost
    platform.exchange.redis.delete(platform.queue.name("training"))
    # If the clock jumps, and the run is reconciled
    shift_signs_of_life(platform, run, jump)
    reconcile(platform, run)
    # I expect its jobs to be sent again.
    assert platform.exchange.waiting(platform.queue.name("training")) == JOBS


def test_a_jump_of_the_clock_does_not_make_steps_seem_endless(platform: Platform, run: str) -> None:
    # Given a run with a typical step of a tenth of a second
    assert commit(platform, run, 0)
    key = f"{platform.settings.namespace}:{{{run}}}:state"
    platform.exchange.redis.hset(key, "step_ms", 100)
    # If the clock jumps an hour ahead within a step
    platform.exchange.redis.hincrby(key, "committed_at", -HOUR_MS)
    assert commit(platform, run, 1)
    # I expect the typical step to stay of that order.
    after = platform.exchange.state(run)
    assert after
    assert after.step_seconds < 0.3


def test_a_recovery_is_measured_once(platform: Platform, run: str) -> None:
    # Given a run that moves by itself, I expect no recovery.
    count, seconds = recoveries()
    assert commit(platform, run, 0)
    assert recoveries() == (count, seconds)
    # If it stands still for a minute, and reconcile has to help twice
    shift_signs_of_life(platform, run, -60_000)
    for _ in range(2):
        reconcile(platform, run)
        shift_signs_of_life(platform, run, -1_000)
    # I expect its next commit to tell one recovery of a minute.
    assert commit(platform, run, 1)
    assert commit(platform, run, 2)
    count_after, seconds_after = recoveries()
    assert count_after == count + 1
    assert 60 <= seconds_after - seconds < 70


def test_the_recovery_of_a_wiped_run_is_measured(platform: Platform, run: str) -> None:
    # Given a service that saw a run
    count, _ = recoveries()
    reconcile_all(platform)
    # If Redis loses everything, the service restores the run, and it commits
    platform.exchange.redis.flushall()
    reconcile_all(platform)
    assert commit(platform, run, 0)
    # I expect one recovery.
    assert recoveries()[0] == count + 1
