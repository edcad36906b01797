"""Jobs that kill their workers or break off each time: tried a few times, then their run fails, and others go on."""

import re
import signal
import sys
import time

import pytest
import torch

from phiforge.base.errors import AttemptError, RunError, StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.attempts import MOST_ATTEMPTS, Attempts
from phiforge.fleet.platform import Platform
from phiforge.fleet.working import working
from phiforge.runs.reconcile import reconcile
from phiforge_client.processes import ChildProcess, free_port
from phiforge_client.stack import Stack
from phiforge_client.submission import resume, submit
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import Submit, waves
from tests.fleet import DEADLINE_SECONDS, steps_of

pytestmark = pytest.mark.services


class PoisonedTrainers:
    """Two trainers, each started again when it dies, as compose and Kubernetes do."""

    def __init__(self, platform: Platform, stack: Stack) -> None:
        self.platform, self.stack = platform, stack
        self.processes: list[ChildProcess] = []
        self.deaths = 0

    def keep_up(self) -> None:
        dead = [process for process in self.processes if not process.alive]
        self.deaths += len(dead)
        self.processes = [process for process in self.processes if process.alive]
        while len(self.processes) < 2:
            command = [sys.executable, "-m", "tests.badinput.poisoned_trainer", "trainer"]
            log = self.platform.settings.home / "logs" / "poisoned.log"
            self.processes.append(ChildProcess(command, log, self.stack._environment(free_port())))

    def close(self) -> None:
        for process in self.processes:
            process.terminate()


@pytest.mark.slow
def test_poison_beside_what_is_well(settings: Settings) -> None:
    # Given a fleet whose trainers are killed by one run's job, run out of memory at another's, meet a bug at a third's
    quick = {"reconcile_seconds": 0.2, "stall_seconds": 0.2, "lease_seconds": 3.0}
    platform = Platform.open(settings.model_copy(update=quick))
    names = ("kills", "runs-out-of-memory", "fails-in-code", "well")
    with Stack(platform.settings, trainers=0) as stack:
        trainers = PoisonedTrainers(platform, stack)
        try:
            runs = {name: submit(platform, waves(name=name)) for name in names}
            # If they are all in the queue together, and dead trainers are started again,
            deadline = time.monotonic() + DEADLINE_SECONDS
            while any(platform.record.status(run) == "running" for run in runs.values()):
                assert time.monotonic() < deadline, {name: platform.record.status(run) for name, run in runs.items()}
                trainers.keep_up()
                stack.check()
                time.sleep(0.05)
        finally:
            trainers.close()
    # I expect each to fail with its reason, after a few attempts,
    reasons = {name: platform.record.end_reason(runs[name], "failed") for name in names[:3]}
    killed = re.fullmatch(
        r"job 1 of version 1 was begun (\d+) times and never finished: each time its worker died", reasons["kills"]
    )
    assert killed
    assert MOST_ATTEMPTS <= int(killed[1]) <= trainers.deaths
    assert (
        f"begun {MOST_ATTEMPTS} times and never finished: job 1 of version 1: MemoryError"
        in (reasons["runs-out-of-memory"])
    )
    assert reasons["fails-in-code"] == "job 1 of version 1: ValueError: a bug"
    assert trainers.deaths <= 2 * MOST_ATTEMPTS
    # at the version before which all was well, and the last run to be complete.
    assert all(platform.record.checkpoints(runs[name])[-1] == 0 for name in names[:3])
    assert platform.record.status(runs["well"]) == "complete"
    assert platform.record.active() == []
    platform.close()


KIND, WORK = "0", "job 1 of version 0"


def attempt(attempts: Attempts, run: str, error: BaseException | None = None) -> None:
    with attempts.attempt(run, KIND, WORK):
        if error:
            raise error


@pytest.fixture
def attempts(platform: Platform) -> Attempts:
    """Attempts whose leases run out at once: every attempt that is not ended is one whose worker died."""
    return Attempts(platform.exchange, lease_seconds=-1)


def die(attempts: Attempts, run: str) -> None:
    """Begin an attempt and never end it."""
    key = attempts._exchange.attempts_key(run, KIND)
    attempts._exchange.begin_attempt(key, WORK, str(time.monotonic_ns()), attempts.lease_seconds, 60)


@pytest.mark.parametrize("error", [None, StoreError("gone"), RunError("code"), KeyboardInterrupt(), SystemExit()])
def test_orderly_ends_do_not_count(attempts: Attempts, error: BaseException | None) -> None:
    # Given a job that ended in an orderly way as often as you like, I expect it to be begun once more.
    for _ in range(3 * MOST_ATTEMPTS):
        if error is None:
            attempt(attempts, "run")
        else:
            with pytest.raises(type(error)):
                attempt(attempts, "run", error)
    assert attempts._exchange.redis.hgetall(attempts._exchange.attempts_key("run", KIND)) == {}


def test_what_is_still_going_on_does_not_count(platform: Platform) -> None:
    # Given a long job that many workers are at, as messages were sent again while it went on
    attempts = [Attempts(platform.exchange, lease_seconds=60) for _ in range(3 * MOST_ATTEMPTS)]
    held = [each.attempt("run", KIND, WORK) for each in attempts]
    for each in held:
        each.__enter__()
    # If one more takes it, I expect it to be begun,
    attempt(platform.attempts, "run")
    # and leases that were renewed to hold.
    for each in attempts:
        each.beat()
    attempt(platform.attempts, "run")
    for each in held:
        each.__exit__(None, None, None)


@pytest.mark.parametrize("error", [None, AttemptError("no memory"), MemoryError("no memory"), KeyError("no memory")])
def test_bad_ends_are_bounded(attempts: Attempts, error: Exception | None) -> None:
    # Given a job that killed its worker, or broke off, one time too few
    for _ in range(MOST_ATTEMPTS):
        if error is None:
            die(attempts, "run")
        else:
            with pytest.raises(AttemptError):
                attempt(attempts, "run", error)
    # If it is begun once more, I expect the end, with what is known of it; other jobs and runs are not touched.
    with pytest.raises(
        RunError, match=f"{WORK} was begun {MOST_ATTEMPTS} times and never finished: .*(died|no memory)"
    ):
        attempt(attempts, "run")
    attempt(attempts, "another")
    with attempts.attempt("run", KIND, "job 11 of version 0"):
        pass


def test_a_zombie_that_wakes_up_takes_its_death_back(attempts: Attempts) -> None:
    # Given workers that were silent for longer than their leases
    held = [attempts.attempt("run", KIND, WORK) for _ in range(MOST_ATTEMPTS)]
    for each in held:
        each.__enter__()
    with pytest.raises(RunError):
        attempt(attempts, "run")
    # If one of them ends as it should, I expect the job to be begun again.
    held.pop().__exit__(None, None, None)
    attempt(attempts, "run")
    for each in held:
        each.__exit__(None, None, None)


def test_a_lost_redis_starts_the_count_anew(platform: Platform, attempts: Attempts, sampled: Submit) -> None:
    # Given a job that killed all workers but one that it may, and then a Redis that lost all
    run = sampled()
    for _ in range(MOST_ATTEMPTS - 1):
        die(attempts, run)
    platform.exchange.redis.flushall()
    reconcile(platform, run)
    # If it goes on to kill them, I expect as many attempts again and no more,
    for _ in range(MOST_ATTEMPTS):
        assert platform.record.status(run) == "running"
        die(attempts, run)
    Trainer(platform).handle(run, 0, 1, sent_at=0)
    assert platform.record.status(run) == "failed"
    # and a person who resumes it to have as many as at first.
    resume(platform, run)
    Trainer(platform).handle(run, 0, 1, sent_at=0)
    assert platform.record.status(run) == "running"
    assert steps_of(platform).contributed(run, 0) == {1}


def test_a_commit_forgets_its_version(platform: Platform, attempts: Attempts, sampled: Submit) -> None:
    # Given attempts at a version's jobs, some of which ended badly, if it is committed, I expect nothing to be left.
    run = sampled()
    die(attempts, run)
    for job in range(3):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    assert platform.exchange.redis.keys(f"*{run}*attempts*") == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), AttemptError),
        (OSError(5, "Input/output error"), AttemptError),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"), AttemptError),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), AttemptError),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RunError),
        (ValueError("a bug"), RunError),
        (KeyError("a bug"), RunError),
        (StoreError("gone"), StoreError),
    ],
    ids=repr,
)
def test_which_errors_are_worth_another_attempt(error: Exception, kind: type[Exception]) -> None:
    # Given an error of the moment, of the code or of the storage, I expect it to be told apart, with what was going on.
    with pytest.raises(kind) as caught, working("job 3"):
        raise error
    assert type(caught.value) is kind
    assert kind is StoreError or str(caught.value).startswith(f"job 3: {type(error).__name__}: ")


def test_a_device_that_failed_ends_its_service() -> None:
    # Given a process that heeds SIGTERM
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    try:
        # If its device fails, after which every use of it would
        with pytest.raises(AttemptError, match="job 3: AcceleratorError: an illegal memory access"), working("job 3"):
            raise torch.AcceleratorError("an illegal memory access was encountered")
    finally:
        signal.signal(signal.SIGTERM, before)
    # I expect the job to be worth another attempt, and this process to be asked to stop.
    assert told == [signal.SIGTERM]
