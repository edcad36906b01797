"""Who serves a queue, and when it is true that nobody who does can do a run's work."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from phiforge.fleet import refusals
from phiforge.fleet.platform import Platform
from phiforge.fleet.refusals import Pause, Refusals
from phiforge.fleet.roster import Roster
from phiforge.runs.queues import QueueName
from tests.integration.supervision.conftest import LEASE_SECONDS

pytestmark = pytest.mark.services

LONG = 3600.0


def roster(
    platform: Platform, me: str, queue: QueueName = "training", about: str = "cpu", lease: float = LEASE_SECONDS
) -> Roster:
    return Roster(platform.exchange, queue, lease, me, about)


def worker(platform: Platform, me: str, about: str = "cpu", lease: float = LEASE_SECONDS) -> Refusals:
    """Return the refusals of a worker that lives as long as it refuses."""
    return Refusals(platform.exchange, roster(platform, me, about=about, lease=lease))


def test_who_beats_is_there(platform: Platform) -> None:
    # Given workers of two queues, I expect each queue's to be there, with what they say of themselves,
    one, two = roster(platform, "one"), roster(platform, "two", about="cuda:0 with engines torch, vmap")
    assert one.beat() == {"one": "cpu"}
    two.beat()
    assert roster(platform, "else", queue="sampling", about="").beat() == {"else": ""}
    assert one.beat() == {"one": "cpu", "two": "cuda:0 with engines torch, vmap"}
    # until they leave,
    two.leave()
    assert one.beat() == {"one": "cpu"}
    # or were silent for a lease,
    two.beat()
    time.sleep(LEASE_SECONDS / 2)
    assert set(one.beat()) == {"one", "two"}
    time.sleep(0.75 * LEASE_SECONDS)
    assert one.beat() == {"one": "cpu"}
    # and nothing to be left in the end.
    time.sleep(1.5 * LEASE_SECONDS)
    assert platform.exchange.redis.keys("*roster*") == []


def test_a_process_is_called_the_same_all_its_life(platform: Platform) -> None:
    # Given the roster as a service and its supervision see it, I expect one worker.
    assert Roster.of(platform, "evaluation").beat().keys() == Roster.of(platform, "evaluation").beat().keys()
    assert list(Roster.of(platform, "training").beat().values()) == ["cpu with engines torch, fused, vmap"]


def test_a_beat_from_the_future_is_no_sign_of_life(platform: Platform) -> None:
    # Given a worker that died before the clock of Redis was put back by an hour
    one = roster(platform, "one")
    seconds, _ = platform.exchange.redis.time()
    platform.exchange.redis.hset(one._key, "dead", f"{1000 * (seconds + 3600)} cpu")
    # I expect it not to be waited for until then.
    assert one.beat() == {"one": "cpu"}


def said_by(workers: list[Refusals], run: str = "run", seconds: float = 3 * LEASE_SECONDS) -> list[str]:
    """Let workers refuse a run by turns for so long; return what was said of all of them."""
    said, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline and not said:
        for each in workers:
            if found := each.refuse(run, f"no {each._roster.me[:3]}"):
                said.append(found)
        time.sleep(LEASE_SECONDS / 20)
    return said


def test_when_all_refused_for_a_lease_it_is_said_once(platform: Platform) -> None:
    # Given three workers of two kinds, if all of them refuse
    workers = [worker(platform, "gpu", "cuda:0"), worker(platform, "cpu-1"), worker(platform, "cpu-2")]
    started = time.monotonic()
    said = said_by(workers)
    # I expect that to be said with what each kind lacks, to one of them, after a lease,
    assert said == ["no trainer of this fleet can do its work: 2 on cpu: no cpu; 1 on cuda:0: no gpu"]
    assert time.monotonic() - started >= LEASE_SECONDS
    # and all to begin anew with a run that is resumed.
    assert [each.refuse("run", "no") for each in workers] == [None, None, None]


def test_many_that_refuse_at_once_hear_it_once(platform: Platform) -> None:
    # Given many workers, each in a thread of its own, I expect one of them to be told.
    workers = [worker(platform, f"worker-{index}") for index in range(6)]
    for each in workers:
        each._roster.beat()
    with ThreadPoolExecutor(len(workers)) as threads:
        told = [said for found in threads.map(lambda each: said_by([each]), workers) for said in found]
    assert len(told) == 1


def test_one_that_has_not_refused_keeps_the_run_alive(platform: Platform) -> None:
    # Given a worker that refuses, and one that is busy elsewhere for longer than a lease, and lives
    busy, one = roster(platform, "busy", lease=LONG), worker(platform, "one", lease=LEASE_SECONDS)
    deadline = time.monotonic() + 2 * LEASE_SECONDS
    # I expect nothing to be said,
    while time.monotonic() < deadline:
        busy.beat()
        assert one.refuse("run", "no") is None
        time.sleep(LEASE_SECONDS / 20)
    # if it leaves, not at once either: it may be started again,
    busy.leave()
    assert one.refuse("run", "no") is None
    # and then in a lease.
    assert len(said_by([one])) == 1


def test_one_that_joins_ends_the_wait(platform: Platform) -> None:
    # Given a worker that refused for most of a lease
    one, joining = worker(platform, "one"), roster(platform, "joining")
    assert said_by([one], seconds=0.6 * LEASE_SECONDS) == []
    # If another joins, and is gone again soon, I expect the lease to begin anew.
    joining.beat()
    assert one.refuse("run", "no") is None
    joining.leave()
    assert said_by([one], seconds=0.6 * LEASE_SECONDS) == []
    assert len(said_by([one])) == 1


def test_a_clock_that_jumps_fails_no_run(platform: Platform) -> None:
    # Given a worker that has just refused, and one that can
    one, able = worker(platform, "one"), roster(platform, "able")
    key = platform.exchange.key("run", "refusals:training")
    assert one.refuse("run", "no") is None
    # If the clock of Redis jumps ahead by an hour, so that all else looks dead,
    platform.exchange.redis.hset(key, "looked_at", 1)
    assert one.refuse("run", "no") is None
    platform.exchange.redis.hset(key, "looked_at", 1)
    assert one.refuse("run", "no") is None
    # I expect whoever lives to say so before anything comes of it; also if it is put back.
    able.beat()
    assert one.refuse("run", "no") is None
    assert platform.exchange.redis.hget(key, "lasted") is None
    able.leave()
    assert one.refuse("run", "no") is None
    platform.exchange.redis.hset(key, "looked_at", 10**15)
    assert one.refuse("run", "no") is None
    assert len(said_by([one])) == 1


def test_runs_and_queues_are_refused_by_themselves(platform: Platform) -> None:
    # Given workers that refuse a run, I expect nothing of another run's or another queue's.
    one = worker(platform, "one")
    assert len(said_by([one], "run")) == 1
    assert platform.exchange.redis.keys("*refusals*") == []
    assert one.refuse("another", "no") is None
    sampling = Refusals(platform.exchange, roster(platform, "two", queue="sampling", about=""))
    said = said_by([sampling], "run")
    assert said == ["no sampler of this fleet can do its work: 1: no two"]


def test_a_lost_redis_begins_anew(platform: Platform) -> None:
    # Given refusals that lasted for most of a lease, if Redis loses all, I expect them to begin anew.
    one = worker(platform, "one")
    assert said_by([one], seconds=0.6 * LEASE_SECONDS) == []
    platform.exchange.redis.flushall()
    assert said_by([one], seconds=0.6 * LEASE_SECONDS) == []
    assert len(said_by([one])) == 1


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, instead of doing it."""
    slept: list[float] = []
    monkeypatch.setattr(refusals.time, "sleep", slept.append)
    return slept


def test_a_worker_stands_back_once_a_round(slept: list[float]) -> None:
    # Given a queue of many messages that a worker cannot do, I expect it to look at each before it stands back,
    pause = Pause()
    for job in range(50):
        pause.refused("run", f"job {job}")
    assert slept == []
    # for longer at each round, within bounds,
    for _ in range(8):
        for job in range(50):
            pause.refused("run", f"job {job}")
    assert slept == sorted(slept)
    assert len(slept) == 8
    assert slept[0] < 0.05
    assert 0.2 < slept[-1] < 0.5
    # and briefly again where there is other work in between.
    pause.worked()
    pause.refused("run", "job 0")
    assert slept[-1] == slept[0]


def test_one_message_alone_is_not_spun_on(slept: list[float]) -> None:
    # Given one message that nobody else takes, I expect a worker to stand back each time that it meets it again.
    pause = Pause()
    for _ in range(10):
        pause.refused("run", "job 0")
    assert len(slept) == 9
