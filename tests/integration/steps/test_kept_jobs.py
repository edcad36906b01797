"""A trainer that commits goes on with a job of the next version at once: but for others' messages, or its end."""

import base64
import json
import signal
from pathlib import Path

import pytest
from celery.worker import state as worker_state

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.fleet.queue import Queue
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.reconcile import reconcile
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import JOBS, hashes, small_spec, steps_of, wait_for_end, wait_for_version, wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process pass for one that takes messages."""
    monkeypatch.setattr(Queue, "serves_on", True)


def begun(platform: Platform, **outer: int) -> str:
    """Return a run whose first versions have their episodes, and whose messages were all taken."""
    run = submit(platform, small_spec(outer=outer))
    for version in range(3):
        Sampler(platform).sample_training(run, version, sent_at=0)
    platform.exchange.redis.delete(platform.queue.name("training"))
    return run


def jobs_sent(platform: Platform, run: str) -> list[tuple[int, int]]:
    """Return the jobs of a run whose messages wait for a trainer, the oldest first."""
    texts = platform.exchange.redis.lrange(platform.queue.name("training"), 0, -1)
    bodies = [json.loads(base64.b64decode(json.loads(text)["body"]))[1] for text in reversed(texts)]
    return [(body["version"], body["job"]) for body in bodies if body["run"] == run]


def state_of(platform: Platform, run: str) -> tuple[int, set[int]]:
    """Return the head, and which jobs contributed to the open step."""
    state = platform.exchange.state(run)
    assert state
    return state.head, steps_of(platform).contributed(run, state.head)


@pytest.mark.usefixtures("serving")
def test_one_job_of_the_next_version_needs_no_message(platform: Platform) -> None:
    # Given a trainer that takes messages, of which none wait
    run, trainer = begun(platform), Trainer(platform)
    # If it does all jobs of a version
    for job in range(JOBS):
        trainer.handle(run, 0, job, sent_at=0)
    # I expect it to have done one of the next version too, and the others to be sent.
    head, done = state_of(platform, run)
    assert (head, len(done)) == (1, 1)
    assert jobs_sent(platform, run) == [(1, job) for job in range(JOBS) if job not in done]


def test_every_job_has_its_message_where_nobody_serves(platform: Platform) -> None:
    # Given a process that takes no messages, or was asked to stop, if it commits
    run = begun(platform)
    for job in range(JOBS):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    # I expect a message for every job.
    assert state_of(platform, run) == (1, set())
    assert jobs_sent(platform, run) == [(1, job) for job in range(JOBS)]


@pytest.mark.usefixtures("serving")
def test_a_message_that_waits_comes_first(platform: Platform) -> None:
    # Given two runs, and a message of the one
    run, other = begun(platform), begun(platform)
    platform.queue.train(other, 0, 0)
    # If a trainer commits a version of the other one
    for job in range(JOBS):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    # I expect it to keep nothing: the message that waits is next, and then those of its own.
    assert state_of(platform, run) == (1, set())
    assert jobs_sent(platform, other) == [(0, 0)]
    assert jobs_sent(platform, run) == [(1, job) for job in range(JOBS)]


@pytest.mark.usefixtures("serving")
def test_a_run_of_one_job_a_version_goes_through(platform: Platform) -> None:
    # Given a run whose versions are made of one job, if a trainer gets the first
    run = begun(platform, meta_batch=2, versions=3)
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    # I expect it to go on to the end without a message.
    assert state_of(platform, run) == (3, set())
    assert jobs_sent(platform, run) == []


@pytest.mark.usefixtures("serving")
def test_a_kept_job_without_episodes_is_put_into_the_queue(platform: Platform) -> None:
    # Given the episodes of one version alone
    run = begun(platform, meta_batch=2, versions=3)
    platform.store.delete(training_episodes_key(run, 1, 0))
    # If a trainer goes on to the next
    Trainer(platform).handle(run, 0, 0, sent_at=0)
    # I expect the job to wait for its episodes like any other.
    assert state_of(platform, run) == (1, set())
    assert jobs_sent(platform, run) == [(1, 0)]


@pytest.mark.usefixtures("serving")
def test_a_kept_job_that_is_lost_is_sent(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a trainer that dies at the job that it kept, of which nobody has a message
    run = begun(platform, meta_batch=2, versions=3)
    with monkeypatch.context() as dying:
        dying.setattr("phiforge.runs.consistency.synchronous.protocol.Synchronous.go_on", _die)
        with pytest.raises(KeyboardInterrupt):
            Trainer(platform).handle(run, 0, 0, sent_at=0)
    assert jobs_sent(platform, run) == []
    # If the run has been silent for long
    platform.exchange.redis.hset(platform.exchange.key(run, "state"), "moved_at", 1)
    reconcile(platform, run)
    # I expect it to be sent.
    assert jobs_sent(platform, run) == [(1, 0)]


def test_who_was_asked_to_stop_does_not_serve_on(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a process that never served, and one that does
    assert not platform.queue.serves_on
    monkeypatch.setattr(platform.queue, "_serves", True)
    assert platform.queue.serves_on
    # If a signal asks Celery to stop, with exit code 0, I expect it to be over.
    monkeypatch.setattr(worker_state, "should_stop", 0)
    assert not platform.queue.serves_on


def test_a_trainer_by_itself_stops_when_asked(settings: Settings, tmp_path: Path) -> None:
    # Given one trainer, which never needs a message to go on, at a long run
    settings = settings.model_copy(update={"home": tmp_path})
    platform = Platform.open(settings)
    with Stack(settings, trainers=1) as stack:
        run = submit(platform, small_spec(outer={"versions": 10_000, "meta_batch": 2}))
        wait_for_version(platform, run, 20)
        trainer = next(service for service in stack.services if service.name.startswith("trainer"))
        # If it gets SIGTERM
        trainer.process.interrupt()
        wait_until(lambda: not trainer.process.alive, "its end")
        stack.services.remove(trainer)
        # I expect it to end at once, cleanly, with the next job in the queue for another.
        assert trainer.process.exit_code in (0, -signal.SIGTERM)
        head = state_of(platform, run)[0]
        assert head < 5_000
        assert jobs_sent(platform, run) == [(head, 0)]
        stack.start("trainer", 1)
        wait_for_version(platform, run, head + 20)
        cancel(platform, run)
    platform.close()


def test_runs_take_turns_at_one_trainer(settings: Settings, tmp_path: Path) -> None:
    # Given two runs and one trainer
    settings = settings.model_copy(update={"home": tmp_path})
    platform = Platform.open(settings)
    with Stack(settings, trainers=1):
        spec = small_spec(outer={"versions": 40, "meta_batch": 2})
        first, second = submit(platform, spec), submit(platform, spec | {"seed": 1})
        # If both go on until the first is over
        wait_for_end(platform, first)
        # I expect the second to be close behind, not to begin then,
        assert state_of(platform, second)[0] > 20
        assert wait_for_end(platform, second) == "complete"
        assert hashes(platform, first) != hashes(platform, second)
    platform.close()


def _die(*_: object) -> None:
    raise KeyboardInterrupt
