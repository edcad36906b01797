"""Who is admitted when: as the fleet has room, by priority, in order, after others, and never twice."""

import json
from itertools import pairwise

import pytest

from phiforge.base.canonical import canonical_json
from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile_all
from phiforge.runs.waiting import admission
from phiforge.runs.waiting.admission import admit
from phiforge.runs.waiting.line import Line, Where
from phiforge.runs.waiting.policy import Policy, write_policy
from phiforge.spec.schema import SCHEMA
from phiforge_client.steering import cancel, resume, start
from phiforge_client.submission import submit
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import waves
from tests.integration.queue.conftest import Submit, fail, hire, waiting

pytestmark = pytest.mark.services


def test_a_run_starts_at_once_where_there_is_room(platform: Platform, line: Line, queued: Submit) -> None:
    # Given an empty queue, if two runs are submitted
    first, second = queued(), queued()
    # I expect the first to be active, with its jobs sent,
    assert platform.record.active() == [first]
    assert platform.exchange.waiting(platform.queue.name("training")) == 3
    # and the second to wait, of which Redis holds nothing.
    assert waiting(line) == [second]
    assert platform.exchange.redis.keys(f"*{second}*") == []


@pytest.mark.parametrize(("trainers", "active"), [(0, 1), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_as_many_as_keep_every_trainer_busy(platform: Platform, queued: Submit, trainers: int, active: int) -> None:
    # Given so many trainers, and runs of three jobs a version
    if trainers:
        hire(platform, trainers)
    runs = [queued() for _ in range(5)]
    # I expect as many runs to be active as have a job for each, in order.
    assert platform.record.active() == sorted(runs[:active])


def refuse(platform: Platform, run: str, workers: int) -> None:
    """Let so many trainers of the roster have said that they cannot do the work of ``run``."""
    for number in range(workers):
        platform.exchange.redis.hset(platform.exchange.refusals_key(run, "training"), f"worker:worker-{number}", "why")


@pytest.mark.parametrize(("trainers", "refusing", "active"), [(2, 0, 1), (2, 1, 2), (2, 2, 2), (5, 2, 2), (7, 6, 3)])
def test_who_cannot_do_a_run_is_left_for_others(
    platform: Platform, queued: Submit, trainers: int, refusing: int, active: int
) -> None:
    # Given so many trainers, of which some said that they cannot do what the active run asks of them
    hire(platform, trainers)
    runs = [queued()]
    refuse(platform, runs[0], refusing)
    # I expect as many of the others to be admitted as keep those busy.
    runs += [queued() for _ in range(4)]
    assert platform.record.active() == sorted(runs[:active])


def test_a_run_that_nobody_can_do_keeps_no_other_waiting(platform: Platform, queued: Submit) -> None:
    # Given one trainer, and a queue of runs of which it can do the last alone
    hire(platform, 1)
    runs = [queued()]
    for _ in range(3):
        refuse(platform, runs[-1], 1)
        runs.append(queued())
    # I expect that one to be active beside those which are about to fail.
    assert runs[-1] in platform.record.active()


def test_with_tickets_a_run_keeps_more_trainers_busy(platform: Platform) -> None:
    # Given seven trainers, and runs whose contributions may lag by two versions, of three jobs each
    hire(platform, 7)
    spec = waves(consistency="bounded_staleness", staleness=2)
    first, _ = submit(platform, spec), submit(platform, spec)
    # I expect one to have enough to do for all.
    assert platform.record.active() == [first]


@pytest.mark.parametrize(("at_once", "trainers"), [(1, 20), (3, 1)])
def test_a_number_may_be_set(platform: Platform, queued: Submit, at_once: int, trainers: int) -> None:
    # Given a number that a person set, I expect so many to be active, whatever the fleet is.
    hire(platform, trainers)
    write_policy(platform.store, Policy(at_once=at_once))
    runs = [queued() for _ in range(5)]
    assert platform.record.active() == sorted(runs[:at_once])


def test_priority_comes_first_then_who_came_first(platform: Platform, line: Line, queued: Submit) -> None:
    # Given a run that is active, and others of several priorities
    queued()
    low, early, late, high = (queued(priority=priority) for priority in (-1, 0, 0, 5))
    # I expect them to wait in that order.
    assert waiting(line) == [high, early, late, low]


def test_who_fails_makes_room_at_once(platform: Platform, line: Line, queued: Submit) -> None:
    # Given an active run and one that waits
    first, second = queued(), queued()
    # If the first fails, I expect the second to be active after the same look, with its jobs sent.
    platform.exchange.redis.delete(platform.queue.name("training"))
    fail(platform, first)
    assert platform.record.active() == [second]
    assert platform.exchange.state(second) is not None
    assert platform.exchange.waiting(platform.queue.name("training")) == 3
    assert waiting(line) == []


def test_a_job_that_fails_its_run_makes_room_at_once(platform: Platform, queued: Submit) -> None:
    # Given an active run whose job was begun five times by workers that fell silent, and one that waits
    first, second = queued(), queued()
    for token in range(5):
        key = platform.exchange.attempts_key(first, "0")
        platform.exchange.begin_attempt(key, "job 0 of version 0", str(token), lease_seconds=-1, expiry=60)
    # If it is begun once more, I expect the run to fail and the other to be active without any look.
    Trainer(platform).handle(first, 0, 0, sent_at=0)
    assert platform.record.status(first) == "failed"
    assert platform.record.active() == [second]


def test_what_only_waits_for_scores_makes_room(platform: Platform, queued: Submit) -> None:
    # Given a fleet without an evaluator, and three runs
    runs = [queued() for _ in range(3)]
    # If the training of the first ends, I expect the second to be admitted, though the first is not over;
    end_training(platform, runs[0])
    reconcile_all(platform)
    assert platform.record.active() == sorted(runs[:2])
    # if that of the second ends too, none before one of them is judged: evaluators would fall behind for ever.
    end_training(platform, runs[1])
    reconcile_all(platform)
    assert platform.record.active() == sorted(runs[:2])


def end_training(platform: Platform, run: str) -> None:
    """Let ``run`` be where it is once its last version is committed and recorded."""
    last = platform.run(run).spec.outer.versions
    start = platform.checkpoints.load(run, 0)
    platform.checkpoints.save(run, type(start)(last, start.phi, start.optimizer, start.phi_hash, start.tasks))
    platform.exchange.forget(run)


def test_after_others(platform: Platform, line: Line, queued: Submit) -> None:
    # Given a run that waits for two others, of which one is active
    first, second = queued(), queued()
    third, fourth = queued(after=(first, second), priority=9), queued()
    assert [(each.run, each.where, each.behind) for each in line.behind_others()] == [(third, Where.AFTER, first)]
    # If the first is over, I expect it to wait for the second, whatever its priority;
    fail(platform, first)
    assert platform.record.active() == [second]
    assert [each.behind for each in line.behind_others()] == [second]
    # if the second is cancelled, to be admitted, before who came later.
    cancel(platform, second)
    assert platform.record.active() == [third]
    assert waiting(line) == [fourth]


def test_after_one_that_is_over_already(platform: Platform, queued: Submit) -> None:
    # Given a run that is over, if another is to come after it, I expect it to start at once.
    first = queued()
    cancel(platform, first)
    second = queued(after=(first,))
    assert platform.record.active() == [second]


def test_a_chain_of_runs(platform: Platform, line: Line, queued: Submit) -> None:
    # Given a chain of runs, of which each waits for the one before
    runs = [queued()]
    for _ in range(3):
        runs.append(queued(after=(runs[-1],)))
    # If each fails in turn, I expect the next to follow, alone.
    for before, after in pairwise(runs):
        fail(platform, before)
        assert platform.record.active() == [after]
    assert list(line.all()) == []


def test_held_until_it_is_resumed(platform: Platform, line: Line, queued: Submit) -> None:
    # Given an empty fleet, and a run that is to be held
    run = queued(hold=True)
    reconcile_all(platform)
    assert platform.record.active() == []
    assert line.held(run)
    # If it is resumed, I expect it to start at once, and nothing to be left in the queue.
    resume(platform, run)
    assert platform.record.active() == [run]
    assert list(line.all()) == []


def test_the_queue_comes_out_again_of_the_store(platform: Platform, line: Line, queued: Submit) -> None:
    # Given runs that are active, wait, are held, and wait for others
    first, second = queued(), queued()
    held, after, third = queued(hold=True), queued(after=(second,)), queued(priority=1)
    # If Redis loses everything, I expect the same run to be active, and Redis to know it;
    platform.exchange.redis.flushall()
    reconcile_all(platform)
    assert platform.record.active() == [first]
    assert platform.exchange.seen.those_going() == [first]
    # those that wait to do so in the same order, and who comes later to come after them.
    fourth = queued()
    assert waiting(line) == [third, second, fourth]
    assert [each.run for each in line.all()] == [after, held, third, second, fourth]


def test_a_fair_share(platform: Platform, queued: Submit) -> None:
    # Given ten runs of one experiment, then two of another and one of none, to be shared fairly
    write_policy(platform.store, Policy(share="exp"))
    a = [queued(labels=(("exp", "a"),)) for _ in range(10)]
    b = [queued(labels=(("exp", "b"),)) for _ in range(2)]
    other = queued()
    # If one after the other ends, I expect the experiments to take turns, whatever Redis loses.
    order = []
    for _ in range(6):
        (run,) = platform.record.active()
        order.append(run)
        platform.exchange.redis.flushall()
        fail(platform, run)
    assert order == [a[0], b[0], other, a[1], b[1], a[2]]


def test_who_looks_while_another_admits_leaves_it_to_him(
    platform: Platform, queued: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given somebody who admits, saw that there is no room, and has not let go of the lock yet
    first, second = queued(), queued()
    fill, seen = admission._fill, []

    def fill_and_meet_another(*arguments):
        found = fill(*arguments)
        if not seen:
            # If then the active run ends, and whoever noticed wants to admit the next,
            platform.record.end(first, "cancelled", "a test says so")
            seen.append(True)
            seen.append(admit(platform))
        return found

    monkeypatch.setattr(admission, "_fill", fill_and_meet_another)
    # I expect that one to do nothing, and the first to look once more.
    assert admit(platform) == [second]
    assert seen == [True, []]


def test_what_a_newer_version_queued_is_left_to_it(platform: Platform, line: Line, queued: Submit) -> None:
    # Given a run that waits and that a newer version recorded, and one after it
    first, newer, well = queued(), queued(), queued()
    text = json.loads(platform.store.get(f"submitted/{newer}.json"))
    platform.store.put(f"submitted/{newer}.json", canonical_json(text | {"schema": SCHEMA + 1}))
    # If there is room, I expect it to stay for whoever can read it, and the next to be admitted.
    platform.record.end(first, "cancelled", "a test says so")
    fresh = Platform.open(platform.settings)
    reconcile_all(fresh)
    assert fresh.record.active() == [well]
    assert waiting(line) == [newer]
    fresh.close()


def test_what_earlier_versions_made_active_is(platform: Platform, queued: Submit) -> None:
    # Given a run that an earlier version's client made active: its mark says nothing
    first, second = queued(), queued()
    platform.record.activate(second)
    # If services look, I expect both to be moved, and its entry in the queue to go with the next admission.
    reconcile_all(platform)
    assert platform.exchange.state(second) is not None
    fail(platform, first)
    platform.record.end(second, "cancelled", "a test says so")
    start(platform)
    assert list(Line(platform.store, platform.exchange).all()) == []


def test_an_id_that_was_given_in_the_same_second_is_not_given_twice(
    platform: Platform, queued: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given digits that come out the same for two runs of one name within a second
    digits = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("phiforge_client.submission.secrets.token_hex", lambda count: next(digits))
    monkeypatch.setattr("phiforge_client.submission.time.strftime", lambda *_: "20261201-063503")
    # If both are submitted, I expect both to be there, the second by other digits.
    assert [queued(), queued()] == ["waves-20261201-063503-aaaa", "waves-20261201-063503-bbbb"]
    assert len(platform.record.runs()) == 2
