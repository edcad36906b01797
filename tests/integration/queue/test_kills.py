"""Whoever moves runs in the queue may die between any two writes, or wake up late: no run is lost, none goes twice."""

from collections.abc import Callable

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.record import RunStatus
from phiforge.runs.waiting.admission import admit
from phiforge.runs.waiting.line import Line
from phiforge.runs.waiting.policy import Policy, write_policy
from phiforge_client.steering import cancel, pause_one, reprioritise_one, resume, start
from phiforge_client.submission import submit
from tests.badinput.conftest import waves
from tests.integration.queue.conftest import Submit, waiting
from tests.integration.steps.test_reconcile import just_before
from tests.thorough import every

pytestmark = pytest.mark.services

MOST_WRITES = 40


class Killed(BaseException):
    """Stands for a SIGKILL: nothing catches it."""


def die() -> None:
    raise Killed


def between_writes(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, writes: int, happens: Callable[[], None]
) -> list[int]:
    """Let something happen once after so many writes to the store; return how many are left until then, as they go."""
    left = [writes]

    def before(method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            left[0] -= 1
            if left[0] == -1:
                happens()
            return method(*arguments)

        return call

    for name in ("put", "put_if_absent", "delete"):
        monkeypatch.setattr(platform.store, name, before(getattr(platform.store, name)))
    return left


def unlock(platform: Platform) -> None:
    """Let go of the lock of whoever admits, as it does by itself after a while."""
    platform.exchange.redis.delete(f"{platform.exchange.namespace}:lock:admission")


def expect_none_lost(platform: Platform, line: Line, runs: list[str], when: int, most_active: int = 1) -> None:
    """Expect every run to be active, to wait, or to be over, and one to be active, or few, of which Redis knows."""
    active, waits = set(platform.record.active()), {each.run for each in line.all()}
    for run in runs:
        over = platform.record.status(run) is not RunStatus.RUNNING
        assert over or run in active or run in waits, (run, when)
    assert 1 <= len(active) <= most_active, when
    assert active == set(platform.exchange.seen.those_going()), when


def expect_an_end(platform: Platform, runs: list[str]) -> None:
    """Expect nothing to be active once all are cancelled."""
    for run in runs:
        if platform.record.status(run) is RunStatus.RUNNING:
            cancel(platform, run)
    reconcile_all(platform)
    assert platform.record.active() == []


def move_submit(platform: Platform, runs: list[str]) -> None:
    runs.append(submit(platform, waves(name="new")))


def move_admit(platform: Platform, runs: list[str]) -> None:
    platform.record.end(runs[0], RunStatus.CANCELLED, "a test says so")
    start(platform)


def move_cancel(platform: Platform, runs: list[str]) -> None:
    cancel(platform, runs[0])


def move_pause(platform: Platform, runs: list[str]) -> None:
    pause_one(platform, Line(platform.store, platform.exchange), runs[0])
    start(platform)


def move_pause_waiting(platform: Platform, runs: list[str]) -> None:
    pause_one(platform, Line(platform.store, platform.exchange), runs[1])


def move_resume(platform: Platform, runs: list[str]) -> None:
    resume(platform, runs[2])


def move_reprioritise(platform: Platform, runs: list[str]) -> None:
    reprioritise_one(platform, Line(platform.store, platform.exchange), runs[3], 5)


MOVES = (
    move_submit,
    move_admit,
    move_cancel,
    move_pause,
    move_pause_waiting,
    move_resume,
    move_reprioritise,
)


@pytest.mark.parametrize("step", every(3))
@pytest.mark.parametrize("wiped", [False, True], ids=["kept", "wiped"])
@pytest.mark.parametrize("move", MOVES, ids=[move.__name__ for move in MOVES])
def test_killed_between_any_two_writes(
    platform: Platform, line: Line, queued: Submit, move: Callable[..., None], wiped: bool, step: int
) -> None:
    # Given one run that is active, one that waits, one that is held and one that waits for the first
    for writes in range(0, MOST_WRITES, step):
        first, second, held = queued(), queued(), queued(hold=True)
        runs = [first, second, held, queued(after=(first,))]
        assert platform.record.active() == [first]
        # If whoever moves one dies after so many writes, maybe with Redis,
        with pytest.MonkeyPatch.context() as patch:
            between_writes(platform, patch, writes, die)
            try:
                move(platform, runs)
                survived = True
            except Killed:
                survived = False
        if wiped:
            platform.exchange.redis.flushall()
        unlock(platform)
        for _ in range(2):
            reconcile_all(platform)
        # I expect no run to be lost, and nothing to be left if all are cancelled.
        recorded = [run for run in platform.record.runs() if run in runs]
        expect_none_lost(platform, line, recorded, writes)
        expect_an_end(platform, recorded)
        if survived:
            return
    pytest.fail(f"{move.__name__} writes more than {MOST_WRITES} times")


@pytest.mark.parametrize("step", every(3))
@pytest.mark.parametrize("most_active", [2, 5])
@pytest.mark.parametrize("move", MOVES, ids=[move.__name__ for move in MOVES])
def test_others_admit_between_any_two_writes(
    platform: Platform, line: Line, queued: Submit, move: Callable[..., None], most_active: int, step: int
) -> None:
    def look() -> None:
        if most_active > 2:
            write_policy(platform.store, Policy(at_once=most_active))
        unlock(platform)
        reconcile_all(platform)

    # Given one run that is active, one that waits, one that is held and one that waits for the first
    for writes in range(0, MOST_WRITES, step):
        first, second, held = queued(), queued(), queued(hold=True)
        runs = [first, second, held, queued(after=(first,))]
        # If a service looks and admits after so many writes of whoever moves one, the lock being free again, and maybe
        # there is room for all by then,
        with pytest.MonkeyPatch.context() as patch:
            left = between_writes(platform, patch, writes, look)
            move(platform, runs)
        for _ in range(2):
            reconcile_all(platform)
        write_policy(platform.store, Policy())
        # I expect no run to be lost, what was held or resumed to be so, and nothing to be left in the end;
        # two who admit at the same moment may admit one more.
        expect_none_lost(platform, line, runs, writes, most_active)
        expected_held = {move_resume: set(), move_pause: {first, held}, move_pause_waiting: {second, held}}
        assert {run for run in runs if line.held(run)} == expected_held.get(move, {held}), writes
        expect_an_end(platform, runs)
        if left[0] >= 0:
            return
    pytest.fail(f"{move.__name__} writes more than {MOST_WRITES} times")


def test_held_while_it_is_being_admitted(
    platform: Platform, line: Line, queued: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who is about to admit a run
    first, second = queued(), queued()
    platform.record.end(first, RunStatus.CANCELLED, "a test says so")

    def hold() -> None:
        pause_one(platform, line, second)

    just_before(monkeypatch, platform.record, "admit", hold)
    # If a person holds it at that moment, I expect it to be held, and not to be active.
    assert admit(platform) == []
    assert platform.record.active() == []
    assert line.held(second)
    # If it is resumed, I expect it to start.
    resume(platform, second)
    assert platform.record.active() == [second]


def test_held_while_it_is_being_restored(
    platform: Platform, line: Line, queued: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a service that is about to restore a run that Redis lost
    run = queued()
    platform.exchange.forget(run)
    just_before(monkeypatch, platform.exchange.seen, "going", lambda: pause_one(platform, line, run))
    # If it is held at that moment, and services look, I expect Redis to have forgotten it again.
    reconcile_all(platform)
    reconcile_all(platform)
    assert platform.exchange.state(run) is None
    assert platform.exchange.seen.those_going() == []


def test_restored_by_who_died_while_it_was_held(platform: Platform, line: Line, queued: Submit) -> None:
    # Given a run that was held, and restored by somebody who died before he saw that
    run, state = queued(), None
    keys = {key: platform.exchange.redis.dump(key) for key in platform.exchange.redis.keys(f"*{{{run}}}*")}
    pause_one(platform, line, run)
    for key, value in keys.items():
        platform.exchange.redis.restore(key, 0, value)
    platform.exchange.seen.going(run)
    # If services look, I expect Redis to forget it: nobody but they could stop it.
    reconcile_all(platform)
    state = platform.exchange.state(run)
    assert state is None
    assert line.held(run)


def test_admitted_late_by_who_slept(
    platform: Platform, line: Line, queued: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who admits a run, and falls asleep before he takes its entry away
    first, second = queued(), queued()
    platform.record.end(first, RunStatus.CANCELLED, "a test says so")

    def meanwhile() -> None:
        # If the run is held, resumed and admitted by another meanwhile,
        unlock(platform)
        reconcile_all(platform)
        pause_one(platform, line, second)
        resume(platform, second)

    just_before(monkeypatch, Line, "remove", lambda: None)
    just_before(monkeypatch, platform.store, "delete", meanwhile)
    # I expect it to be active once he woke up, once, and nothing left in the queue.
    admit(platform)
    reconcile_all(platform)
    assert platform.record.active() == [second]
    assert waiting(line) == []


def test_two_who_admit_at_once(platform: Platform, line: Line, queued: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two who admit at once, since the lock of the one ran out
    first, second, third = queued(), queued(), queued()
    platform.record.end(first, RunStatus.CANCELLED, "a test says so")
    also: list[str] = []

    def meanwhile() -> None:
        unlock(platform)
        also.extend(admit(platform))

    just_before(monkeypatch, platform.record, "admit", meanwhile)
    # I expect the run whose turn it is to be admitted by one of them, and no other by the second.
    assert [*admit(platform), *also] == [second]
    assert platform.record.active() == [second]
    assert waiting(line) == [third]
