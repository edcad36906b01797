"""Single transitions of the protocol, driven by hand on a real Redis: no worker, no timing."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from phiforge_client.submission import cancel, resume, submit
from phiforge_evaluator.chunk import Evaluator
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.attempts import MOST_ATTEMPTS
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import decode
from phiforge.runs.advance import ensure_checkpoint
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import OpenJob
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.consistency.synchronous.moves import Moves
from phiforge.runs.judging import kind_of
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.reconcile import reconcile
from phiforge.runs.steps import Published
from phiforge.runs.store import Store
from tests.fleet import small_spec, steps_of

pytestmark = pytest.mark.services

JOBS = 4


@pytest.fixture
def run(platform: Platform) -> str:
    """A run whose first two versions have their episodes."""
    run = submit(platform, small_spec())
    for version in range(2):
        Sampler(platform).sample_training(run, version, sent_at=0)
    return run


class Telling:
    """A store that notes which version's episodes it is asked to list or write."""

    def __init__(self, store: Store, asked: list[tuple[str, int]]) -> None:
        self._store, self._asked = store, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str) -> Iterator[str]:
        if "/episodes/" in prefix:
            self._asked.append(("list", int(prefix.split("/")[-2])))
        return self._store.list(prefix)

    def put(self, key: str, value: bytes) -> None:
        self._asked.append(("put", int(key.split("/")[-2])))
        self._store.put(key, value)


def head(platform: Platform, run: str) -> int:
    state = platform.exchange.state(run)
    assert state
    return state.head


def publish(platform: Platform, run: str, payload: bytes) -> Published:
    """Publish a contribution of job 0 to the step from version 0."""
    return steps_of(platform).publish(run, 0, 0, payload, Origin(sha256_hex(payload), "episodes", "somebody", 0.1))


def test_the_last_job_in_commits(platform: Platform, run: str) -> None:
    # Given a trainer
    trainer = Trainer(platform)
    # If it takes every job but one, in any order
    for job in (2, 0, 3):
        trainer.handle(run, 0, job, sent_at=0)
    # I expect no commit;
    assert head(platform, run) == 0
    # and one with the last.
    trainer.handle(run, 0, 1, sent_at=0)
    assert head(platform, run) == 1


def test_samplers_are_asked_for_a_version_while_the_last_job_of_another_is_awaited(
    platform: Platform, run: str
) -> None:
    # Given a window of four versions, I expect the submission to ask for versions 0 to 4 and no more.
    asked, chunks = platform.queue.name("sampling"), 2 + 4
    assert platform.exchange.waiting(asked) == chunks + 5
    # If all jobs of version 0 but two are in, I expect nothing to be asked for;
    trainer = Trainer(platform)
    for job in range(JOBS - 2):
        trainer.handle(run, 0, job, sent_at=0)
    assert platform.exchange.waiting(asked) == chunks + 5
    # with the last but one, while other trainers wait for the last, version 5;
    trainer.handle(run, 0, JOBS - 2, sent_at=0)
    assert platform.exchange.waiting(asked) == chunks + 6
    newest = json.loads(platform.exchange.redis.lindex(asked, 0))
    _, fields, _ = json.loads(base64.b64decode(newest["body"]))
    assert (fields["run"], fields["version"]) == (run, 5)
    # and no more by the commit.
    trainer.handle(run, 0, JOBS - 1, sent_at=0)
    assert head(platform, run) == 1
    assert platform.exchange.waiting(asked) == chunks + 6


def test_order_of_arrival_does_not_matter(platform: Platform) -> None:
    # Given the same spec twice
    committed = []
    for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
        run = submit(platform, small_spec())
        Sampler(platform).sample_training(run, 0, sent_at=0)
        # If the jobs come in another order, from two trainers
        trainers = (Trainer(platform), Trainer(platform))
        for job in order:
            trainers[job % 2].handle(run, 0, job, sent_at=0)
        committed.append(platform.exchange.phi(run, 1))
    # I expect the same bytes.
    assert committed[0] is not None
    assert committed[0] == committed[1]


def test_a_zombie_leaves_nothing_behind(platform: Platform, run: str) -> None:
    # Given a version that was committed
    for job in range(JOBS):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    phi = platform.exchange.phi(run, 1)
    # If a worker wakes up with an old job's contribution, or an old commit
    late = publish(platform, run, b"late")
    # I expect it to be turned away,
    assert late.outcome == "stale"
    assert steps_of(platform).contributed(run, 0) == set()
    # and the same for an old message.
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    assert head(platform, run) == 1
    assert platform.exchange.phi(run, 1) == phi


def test_a_contribution_counts_once(platform: Platform, run: str) -> None:
    # Given a published contribution
    assert publish(platform, run, b"first").outcome == "published"
    # If it comes again with other bytes, I expect the first to stay.
    again = publish(platform, run, b"second")
    assert (again.outcome, again.contributions) == ("duplicate", 1)
    assert platform.exchange.redis.get(steps_of(platform).contribution_key(run, 0, 0)) == b"first"


def test_killed_between_the_last_contribution_and_the_commit(platform: Platform, run: str) -> None:
    # Given all contributions but no commit: the worker died there
    trainer = Trainer(platform)
    for job in range(JOBS - 1):
        trainer.handle(run, 0, job, sent_at=0)
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    moves = Moves(protocol_of(platform, record), steps_of(platform), trainer)
    moves.contribute(OpenJob(record, state, JOBS - 1))
    assert head(platform, run) == 0
    # If reconcile's resend of any one job arrives
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    # I expect the commit.
    assert head(platform, run) == 1


def test_killed_between_log_and_checkpoint(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a run at version 5, whose checkpoint is due, and a store that fails just when it is written
    def fail(run: str, checkpoint: Checkpoint) -> None:
        raise StoreError("the store went away")

    for version in range(5):
        Sampler(platform).sample_training(run, version, sent_at=0)
        with monkeypatch.context() as broken:
            if version == 4:
                broken.setattr(platform.checkpoints, "save", fail)
            for job in range(JOBS - (version == 4)):
                Trainer(platform).handle(run, version, job, sent_at=0)
            if version == 4:
                with pytest.raises(StoreError):
                    Trainer(platform).handle(run, version, JOBS - 1, sent_at=0)
    assert head(platform, run) == 5
    # If another worker makes up for it, twice
    for _ in range(2):
        ensure_checkpoint(protocol_of(platform, platform.run(run)), platform.run(run), 5)
    # I expect the checkpoint, and a log without a hole.
    assert platform.record.checkpoints(run) == [0, 5]
    assert [entry["version"] for entry in platform.record.log(run)] == [1, 2, 3, 4, 5]


def test_restored_from_the_newest_readable_checkpoint(platform: Platform, run: str) -> None:
    # Given checkpoints of versions 0 and 1, of which the newer is damaged, and a Redis that lost everything
    for job in range(JOBS):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    state, phi, optimizer = (
        platform.exchange.state(run),
        platform.exchange.phi(run, 1),
        platform.exchange.optimizer(run, 1),
    )
    assert state
    assert phi
    assert optimizer
    platform.checkpoints.save(run, Checkpoint(1, decode(phi), decode(optimizer), state.phi_hash, 8))
    key = f"runs/{run}/checkpoints/00000001.safetensors"
    data = platform.store.get(key)
    platform.store.put(key, data[:-1] + bytes([data[-1] ^ 1]))
    platform.exchange.redis.flushall()
    # If the run is reconciled
    reconcile(platform, run)
    # I expect it to go on from the older one, and the damaged one to be gone.
    assert head(platform, run) == 0
    assert platform.record.checkpoints(run) == [0]


def test_reconcile_is_quiet_while_a_run_moves(platform: Platform, run: str) -> None:
    # Given a run that just moved
    waiting = platform.exchange.waiting(platform.queue.name("training"))
    # If it is reconciled again and again
    for _ in range(3):
        reconcile(platform, run)
    # I expect no message more.
    assert platform.exchange.waiting(platform.queue.name("training")) == waiting


def just_before(monkeypatch: pytest.MonkeyPatch, of: object, name: str, happens: Callable[[], None]) -> None:
    """Let something happen just before the next call of a method."""
    method = getattr(of, name)

    def call(*arguments: Any) -> Any:
        monkeypatch.setattr(of, name, method)
        happens()
        return method(*arguments)

    monkeypatch.setattr(of, name, call)


def test_cancelled_while_it_is_being_looked_at(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service that just read that a run goes on, and is about to ask Redis where it is
    before = platform.exchange.state(run)
    just_before(monkeypatch, platform.exchange, "state", lambda: cancel(platform, run))
    # If it is cancelled at that moment
    reconcile(platform, run)
    # I expect it to stand where it is: nobody looks after it any more, so that it would go on for good.
    assert before
    assert platform.exchange.state(run) == before._replace(status="cancelled")


def test_cancelled_while_it_is_being_restored(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service that is about to restore a run that Redis lost
    platform.exchange.forget(run)
    consistency = protocol_of(platform, platform.run(run))
    just_before(monkeypatch, consistency, "restore", lambda: cancel(platform, run))
    # If it is cancelled at that moment
    reconcile(platform, run)
    # I expect it to be stopped once more, for it was restored as one that goes on.
    state = platform.exchange.state(run)
    assert state
    assert state.status == "cancelled"


def test_resumed_while_it_is_being_retired(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a service that just saw a run cancelled and is about to retire it
    cancel(platform, run)
    just_before(monkeypatch, platform.record, "retire", lambda: resume(platform, run))
    # If it is resumed at that moment
    reconcile(platform, run)
    # I expect services to go on looking after it: without, the next loss of Redis would be its end.
    assert platform.record.status(run) == "running"
    assert run in platform.record.active()


def test_retired_while_it_is_being_resumed(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a run that is being resumed and, as long as that is not written down, still cancelled
    cancel(platform, run)
    just_before(monkeypatch, platform.record, "settle", lambda: reconcile(platform, run))
    # If a service sees it so and retires it in between
    resume(platform, run)
    # I expect services to go on looking after it.
    assert platform.record.status(run) == "running"
    assert run in platform.record.active()


def test_a_damaged_phi_is_restored(platform: Platform, run: str) -> None:
    # Given a φ in Redis that lost a bit
    key = f"{platform.settings.namespace}:{{{run}}}:phi:0"
    data = platform.exchange.redis.get(key)
    platform.exchange.redis.set(key, data[:-1] + bytes([data[-1] ^ 1]))
    # If a trainer meets it
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    reconcile(platform, run)
    # I expect it to be replaced from the record.
    assert platform.exchange.redis.get(key) == data


def test_a_job_that_kills_its_workers_fails_the_run(platform: Platform, run: str) -> None:
    # Given a job that was begun five times by workers that then fell silent
    key = platform.exchange.attempts_key(run, "0")
    for token in range(MOST_ATTEMPTS):
        platform.exchange.begin_attempt(key, "job 0 of version 0", str(token), lease_seconds=-1, expiry=60)
    # If it is begun once more
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    # I expect the run to fail, with the reason, and to be left alone.
    assert platform.record.status(run) == "failed"
    assert "job 0 of version 0 was begun 5 times" in platform.record.end_reason(run, "failed")
    assert run not in platform.record.active()


@pytest.mark.parametrize("consistency", ["synchronous", "bounded_staleness"])
def test_a_worker_that_lacks_the_engine_leaves_the_job_to_others(
    platform: Platform, settings: Settings, consistency: str
) -> None:
    # Given a run whose engine was left to be settled, and a worker on another kind of device than the engine's
    run = submit(platform, small_spec(consistency=consistency))
    Sampler(platform).sample_training(run, 0, sent_at=0)
    assert platform.run(run).spec.numerics.engine == "fused"
    platform.exchange.redis.delete(platform.queue.name("training"))
    platform.settings = settings.model_copy(update={"device": "cuda:0", "lease_seconds": 0.2})
    trainer = Trainer(platform)
    # If it takes a job, I expect that to be in the queue again, and to be no attempt that counts;
    trainer.handle(run, 0, 0, sent_at=0)
    assert platform.record.status(run) == "running"
    assert platform.exchange.waiting(platform.queue.name("training")) == 1
    assert platform.exchange.redis.keys(f"*{run}*attempts*") == []
    # if nobody else is there to take it, the run to fail and say how to submit it.
    deadline = time.monotonic() + 60
    while platform.record.status(run) == "running":
        assert time.monotonic() < deadline
        trainer.handle(run, 0, 0, sent_at=0)
    reason = platform.record.end_reason(run, "failed")
    assert reason.startswith("no trainer of this fleet can do its work: 1 on cuda:0 with engines torch, vmap: ")
    assert "lacks engine 'fused'" in reason
    assert "numerics.engine=torch" in reason
    assert run not in platform.record.active()


def test_an_evaluator_that_lacks_the_engine_leaves_the_chunk_to_others(platform: Platform, settings: Settings) -> None:
    # Given an evaluator on another kind of device than the engine's of a run, whose first chunk has its episodes
    run = submit(platform, small_spec())
    Sampler(platform).sample_evaluation(run, "validation", 0, sent_at=0)
    queue, kind = platform.queue.name("evaluation"), kind_of(platform.run(run), "validation")
    platform.exchange.redis.delete(queue)
    elsewhere = settings.model_copy(update={"device": "cuda:0", "store_url": platform.store.url})
    there = Platform.open(elsewhere)
    # If it takes that chunk, I expect it to be in the queue again,
    Evaluator(there).handle(run, "validation", 0, 0, sent_at=0)
    there.close()
    assert platform.exchange.scores(run, kind, 0) == {}
    assert platform.exchange.waiting(queue) == 1
    # and scored by the next that can.
    Evaluator(platform).handle(run, "validation", 0, 0, sent_at=0)
    assert list(platform.exchange.scores(run, kind, 0)) == [0]
    assert platform.record.status(run) == "running"


def test_a_step_that_is_not_finite_fails_the_run(platform: Platform) -> None:
    # Given an outer learning rate that no φ survives
    run = submit(platform, small_spec(outer={"lr": 1e38, "optimizer": {"name": "sgd"}, "clip_norm": None}))
    # If it is trained
    for version in range(3):
        Sampler(platform).sample_training(run, version, sent_at=0)
        for job in range(JOBS):
            Trainer(platform).handle(run, version, job, sent_at=0)
    # I expect the run to fail, saying what to lower.
    assert platform.record.status(run) == "failed"
    assert "outer.lr" in platform.record.end_reason(run, "failed")


def test_a_sampler_asks_the_store_only_where_somebody_may_have_written(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a sampler, and a store that tells what it is asked
    run, sampler = submit(platform, small_spec()), Sampler(platform)
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(platform, "store", Telling(platform.store, asked))
    monkeypatch.setattr(platform.record, "store", platform.store)
    # If it gets the versions of a run in order, I expect it to ask what of the first is there, and to write the rest;
    for version in range(3):
        sampler.sample_training(run, version, sent_at=0)
    assert asked == [("list", 0), *(("put", version) for version in range(3) for _ in range(JOBS))]
    # if one comes again, or one that was not to be next, to ask before it writes.
    asked.clear()
    sampler.sample_training(run, 2, sent_at=0)
    sampler.sample_training(run, 4, sent_at=0)
    assert asked == [("list", 2), ("list", 4), *[("put", 4)] * JOBS]


def test_equal_messages_give_equal_episodes(platform: Platform, run: str, tmp_path: Path) -> None:
    # Given the episodes of a job
    key = training_episodes_key(run, 0, 0)
    before = platform.store.get(key)
    # If they are lost and asked for again, from another sampler
    platform.store.delete(key)
    Sampler(platform).sample_training(run, 0, sent_at=0)
    # I expect the same bytes.
    assert platform.store.get(key) == before
