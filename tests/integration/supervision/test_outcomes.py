"""Every way that the work of a message can end, and what becomes of the message, the run and the counts."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import redis

from phiforge.base.errors import (
    AttemptError,
    FormatError,
    IncapableWorkerError,
    MessageError,
    RunError,
    StoreError,
)
from phiforge.base.metrics import BROKEN_ATTEMPTS, MESSAGES
from phiforge.fleet.attempts import MOST_ATTEMPTS
from phiforge.fleet.platform import Platform
from phiforge.fleet.supervision import Asked, Supervision, Work
from phiforge.runs.outcomes import NotReadyError, Outcome
from phiforge.runs.submitted import RunRecord
from phiforge_client.submission import cancel

pytestmark = pytest.mark.services

WORK, KIND = "job 1 of version 0", "0"


class Case(NamedTuple):
    """What work raises, and what is expected of that."""

    error: Exception
    outcome: Outcome
    put_back: int = 0
    status: str = "running"
    broken: int = 0
    """Bad ends of attempts."""


CASES = [
    *(Case(NotReadyError(each), each) for each in (Outcome.WAITING, Outcome.DAMAGED, Outcome.STALE, Outcome.STOPPED)),
    Case(AttemptError("no memory"), Outcome.BROKEN, broken=1),
    Case(MemoryError("no memory"), Outcome.BROKEN, broken=1),
    Case(KeyError("where nobody says whose fault it is"), Outcome.BROKEN, broken=1),
    Case(IncapableWorkerError("no engine"), Outcome.INCAPABLE, put_back=1),
    Case(RunError("not finite"), Outcome.FAILED, status="failed"),
]


class Told:
    """Supervises one message, and notes what is put back and counted meanwhile."""

    def __init__(self, platform: Platform, run: str) -> None:
        self.platform, self.run = platform, run
        self.supervision = Supervision(platform, "training")
        self.put_back = 0

    def __call__(self, do: Callable[[], Outcome], attempts: str | None = KIND) -> Outcome:
        return self.supervision.supervise(
            Asked("phiforge.train", self.run, WORK, self._put_back), lambda _: Work(attempts, do)
        )

    def _put_back(self) -> None:
        self.put_back += 1

    @property
    def attempts(self) -> dict[bytes, bytes]:
        return self.platform.exchange.redis.hgetall(self.platform.exchange.attempts_key(self.run, KIND))


@pytest.fixture
def told(platform: Platform, run: str) -> Told:
    """The supervision of a trainer."""
    return Told(platform, run)


def counts() -> dict[str, float]:
    """Return how many training messages ended in each way, in this process."""
    return {each: MESSAGES.labels(message="train", outcome=each)._value.get() for each in Outcome}


def raising(error: Exception) -> Callable[[], Outcome]:
    def do() -> Outcome:
        raise error

    return do


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case.error))
def test_what_becomes_of_an_error(platform: Platform, told: Told, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    # Given work that raises, if it is supervised
    before, broken = counts(), BROKEN_ATTEMPTS._value.get()
    with caplog.at_level(logging.DEBUG):
        outcome = told(raising(case.error))
    # I expect its outcome, counted once and logged,
    assert outcome is case.outcome
    assert {each: count - before[each] for each, count in counts().items() if count > before[each]} == {outcome: 1}
    assert f"{WORK} of run {told.run}: {outcome}" in caplog.text
    # the message put back if another worker may fare better,
    assert told.put_back == case.put_back
    # the run failed with the reason, if it was its fault, and only then,
    assert platform.record.status(told.run) == case.status
    if case.status == "failed":
        assert platform.record.end_reason(told.run, "failed") == str(case.error)
    # and only bad ends of attempts noted.
    assert BROKEN_ATTEMPTS._value.get() - broken == case.broken
    assert len([field for field in told.attempts if field.startswith(WORK.encode())]) == case.broken


@pytest.mark.parametrize("outcome", [Outcome.PUBLISHED, Outcome.DUPLICATE, Outcome.OLD])
def test_work_that_is_done_says_how(told: Told, outcome: Outcome) -> None:
    # Given work that ends well, I expect its own word for it, counted, and nothing left of the attempt that was held.
    before, held = counts(), []

    def do() -> Outcome:
        held.extend(told.attempts)
        return outcome

    assert told(do) is outcome
    assert counts()[outcome] == before[outcome] + 1
    assert len(held) == 1
    assert told.attempts == {}
    assert told.put_back == 0


@pytest.mark.parametrize("error", [StoreError("gone"), redis.ConnectionError("gone"), FormatError("of the record")])
def test_outages_go_through(platform: Platform, told: Told, error: Exception) -> None:
    # Given a server that is gone, I expect the error itself, which is no outcome, and no attempt that ended badly.
    before = counts()
    with pytest.raises(type(error)):
        told(raising(error))
    assert counts() == before
    assert told.attempts == {}
    assert platform.record.status(told.run) == "running"


def test_what_does_not_fit_is_not_begun(platform: Platform, told: Told) -> None:
    # Given a message that does not fit its run, and one of no run, I expect them refused before anything is held.
    def misfit(_: RunRecord) -> Work:
        raise MessageError("no such job")

    for run, plan in ((told.run, misfit), ("nobodys-run", lambda _: Work(KIND, raising(RunError("begun"))))):
        with pytest.raises(MessageError):
            told.supervision.supervise(Asked("phiforge.train", run, WORK, told._put_back), plan)
    assert told.attempts == {}
    assert told.put_back == 0
    assert platform.record.status(told.run) == "running"


def test_attempts_are_bounded(platform: Platform, told: Told) -> None:
    # Given work that broke off as often as it may
    for _ in range(MOST_ATTEMPTS):
        assert told(raising(MemoryError("no memory"))) is Outcome.BROKEN
    # If it comes once more, I expect it not to be begun, and its run to fail.
    assert told(raising(AssertionError("begun"))) is Outcome.FAILED
    reason = platform.record.end_reason(told.run, "failed")
    assert f"{WORK} was begun {MOST_ATTEMPTS} times and never finished" in reason


def test_work_whose_attempts_do_not_count(told: Told) -> None:
    # Given work that may be tried for ever, I expect no attempt to be held.
    assert told(lambda: Outcome.DUPLICATE if told.attempts == {} else Outcome.OLD, None) is Outcome.DUPLICATE


@pytest.mark.parametrize("error", [RunError("not finite"), IncapableWorkerError("no engine")], ids=repr)
def test_a_run_that_is_over_stays_as_it_ended(platform: Platform, told: Told, error: Exception) -> None:
    # Given a run that was cancelled while a message of it waited
    cancel(platform, told.run)
    # If its work cannot be done, I expect the message dropped, and the run cancelled as before.
    assert told(raising(error)) is Outcome.STOPPED
    assert told.put_back == 0
    assert platform.record.status(told.run) == "cancelled"


@pytest.fixture
def unreadable(platform: Platform, told: Told) -> Iterator[None]:
    """Let this process lack a part that every spec names, once there is a run."""

    def unreadable(run: str) -> RunRecord:
        raise IncapableWorkerError(f"the learner of {run} is not installed here")

    readable, platform.run = platform.run, unreadable  # type: ignore[assignment]
    yield
    platform.run = readable


@pytest.mark.usefixtures("unreadable")
def test_a_spec_that_this_worker_cannot_read_is_for_another(platform: Platform, told: Told) -> None:
    # Given a worker that cannot even read a run's spec, I expect it to put the message back like any that it cannot do,
    assert told(raising(AssertionError("begun"))) is Outcome.INCAPABLE
    assert told.put_back == 1
    # as long as the run goes on.
    platform.record.end(told.run, "cancelled", "by a person who can read it")
    assert told(raising(AssertionError("begun"))) is Outcome.STOPPED
    assert told.put_back == 1


def test_a_run_that_nobody_can_do_fails_once(platform: Platform, told: Told) -> None:
    # Given two workers of a queue, both without an engine, before which the same message comes by turns
    other = Told(platform, told.run)
    other.supervision._refusals._roster.me = "another"
    outcomes = []
    deadline = time.monotonic() + 60
    # If it goes round until it is not put back any more
    while not outcomes or outcomes[-1] is Outcome.INCAPABLE:
        assert time.monotonic() < deadline
        outcomes += [worker(raising(IncapableWorkerError("no engine"))) for worker in (told, other)]
    # I expect the run to fail, once, with what they lack,
    assert outcomes.count(Outcome.FAILED) == 1
    assert outcomes[-1] in (Outcome.FAILED, Outcome.STOPPED)
    reason = platform.record.end_reason(told.run, "failed")
    assert reason == "no trainer of this fleet can do its work: 2 on cpu with engines torch, fused, vmap: no engine"
    # and to be met with no more than some tens of messages in the meantime.
    assert told.put_back + other.put_back < 60
