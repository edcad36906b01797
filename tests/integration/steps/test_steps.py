"""Jobs and commits of the protocol, driven by hand on a real Redis: no worker, no timing."""

import base64
import json

import pytest

from phiforge.base.canonical import sha256_hex
from phiforge.fleet.attempts import MOST_ATTEMPTS
from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import Origin
from phiforge.runs.consistency.base import OpenJob
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.consistency.synchronous.moves import Moves
from phiforge.runs.steps import Published
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import JOBS, head, small_spec, steps_of

pytestmark = pytest.mark.services


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
