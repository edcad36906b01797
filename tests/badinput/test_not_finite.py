"""Losses that are no numbers: the run stops and says where, what it takes to see it again is kept, others go on."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from phiforge.base.errors import FormatError, RunError
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import fingerprint
from phiforge.runs import evidence
from phiforge.runs.keys import training_episodes_key
from phiforge.tasks.episodes import EpisodeBatch
from phiforge_client.replay import replay
from phiforge_client.submission import resume, submit
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import Submit, waves
from tests.commands import Commands
from tests.e2e.test_cli import environment

pytestmark = pytest.mark.services

Phiforge = Callable[..., subprocess.CompletedProcess[str]]
JOBS = 3


def spoil(platform: Platform, run: str, job: int, episode: int, value: float) -> bytes:
    """Put ``value`` among the targets of one episode of version 0, as a dataset of one's own may; return the file."""
    key = training_episodes_key(run, 0, job)
    batch = EpisodeBatch.from_bytes(platform.store.get(key))
    targets = batch.query_y.copy()
    targets[episode, 0] = value
    data = replace(batch, query_y=targets).to_bytes()
    platform.store.put(key, data)
    return data


def train(platform: Platform, run: str, version: int = 0) -> None:
    trainer = Trainer(platform)
    for job in range(JOBS):
        trainer.handle(run, version, job, sent_at=0)


@pytest.fixture
def phiforge(platform: Platform, commands: Commands) -> Phiforge:
    settings = platform.settings
    process = environment(settings.home) | {
        "PHIFORGE_REDIS_URL": settings.redis_url,
        "PHIFORGE_STORE_URL": settings.object_store_url,
        "PHIFORGE_NAMESPACE": settings.namespace,
    }
    return partial(commands, environment=process)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_an_episode_that_is_no_number(platform: Platform, sampled: Submit, value: float) -> None:
    # Given a run of which one episode makes the loss no number, or too large for one, and another run
    run, other = sampled(), sampled(seed=1)
    data = spoil(platform, run, job=1, episode=1, value=value)
    # If both are trained
    train(platform, run)
    train(platform, other)
    # I expect the one to fail, saying where and what may help, with nothing committed,
    assert platform.record.status(run) == "failed"
    reason = platform.record.end_reason(run, "failed")
    assert "version 0, job 1, episode 1: not finite" in reason
    assert "outer.lr" in reason
    assert list(platform.record.log(run)) == []
    # its episodes and φ to be kept,
    kept = evidence.load(platform.store, run)
    assert (kept.found.version, kept.found.job, kept.found.episode) == (0, 1, 1)
    assert fingerprint(kept.phi) == kept.found.phi_hash == platform.checkpoints.load(run, 0).phi_hash
    assert platform.store.get(f"runs/{run}/failed/00000000-0001/episodes") == data
    # and the other to go on.
    state = platform.exchange.state(other)
    assert state
    assert state.head == 1


def test_it_can_be_seen_again(phiforge: Phiforge, platform: Platform, sampled: Submit) -> None:
    # Given a run that failed so, and nothing of its episodes left
    run = sampled()
    spoil(platform, run, job=2, episode=0, value=np.nan)
    train(platform, run)
    for key in list(platform.store.list(f"runs/{run}/episodes/")):
        platform.store.delete(key)
    # If somebody asks what happened, I expect the place,
    shown = json.loads(phiforge("show", run).stdout)
    assert shown["status"] == "failed"
    assert "version 0, job 2, episode 0" in shown["reason"]
    assert shown["not_finite"][0]["episode"] == 0
    assert shown["replay"] == f"phiforge replay {run}"
    # and if it is replayed, the same again, beside the episode that is well.
    answer = phiforge("replay", run)
    assert answer.returncode == 0, answer.stderr
    again = json.loads(answer.stdout)
    assert again["reproduced"] is True
    assert [each["finite"] for each in again["episodes"]] == [False, True]
    assert [each["offending"] for each in again["episodes"]] == [True, False]
    assert again["episodes"][0]["loss"] == "nan"
    assert again["episodes"][1]["loss"] > 0


def test_a_spec_that_no_loss_survives(platform: Platform, sampled: Submit) -> None:
    # Given an inner learning rate that makes every loss infinite
    learner = {"name": "maml", "inner_lr": 1e30, "network": {"name": "mlp", "width": 4, "layers": 1}}
    run = sampled(learner=learner)
    train(platform, run)
    # I expect the first episode to be named, and a replay to agree.
    assert "version 0, job 0, episode 0" in platform.record.end_reason(run, "failed")
    assert replay(platform, run)["reproduced"] is True


def test_a_step_that_is_too_large(platform: Platform, sampled: Submit) -> None:
    # Given an outer learning rate that no φ survives
    run = sampled(outer={"lr": 1e300, "optimizer": {"name": "sgd"}, "clip_norm": None})
    train(platform, run)
    # I expect the step to be named, with the job that contributed most, and that job to be kept;
    reason = platform.record.end_reason(run, "failed")
    assert "the step from version 0 is not finite" in reason
    found = evidence.load(platform.store, run).found
    assert found.episode is None
    assert f"is job {found.job}'s" in reason
    # a replay shows that every episode by itself is well.
    again = replay(platform, run)
    assert again["reproduced"] is True
    assert all(each["finite"] for each in again["episodes"])
    norms = [each["norm"] for each in again["episodes"]]
    assert max(norms) > 0


def test_resumed_it_fails_again(platform: Platform, sampled: Submit) -> None:
    # Given a run that failed on an episode that is still as it was, if it is resumed, I expect the same, and no loop.
    run = sampled()
    spoil(platform, run, job=0, episode=0, value=np.inf)
    train(platform, run)
    resume(platform, run)
    assert platform.record.status(run) == "running"
    train(platform, run)
    assert platform.record.status(run) == "failed"
    assert len(evidence.not_finite_steps(platform.store, run)) == 1


def test_a_score_that_is_no_number(platform: Platform) -> None:
    # Given inner steps on unseen tasks that diverge where those of training do not
    from phiforge_evaluator.chunk import Evaluator

    network = {"name": "mlp", "width": 4, "layers": 1}
    run = submit(
        platform, waves(learner={"name": "maml", "inner_lr": 10.0, "inner_steps_evaluation": 200, "network": network})
    )
    for chunk in range(2):
        Sampler(platform).sample_evaluation(run, "validation", chunk, sent_at=0)
    # If it is judged, I expect the run to fail and to say what to lower, rather than to be judged for ever.
    Evaluator(platform).handle(run, "validation", 0, 0, sent_at=0)
    assert platform.record.status(run) == "failed"
    reason = platform.record.end_reason(run, "failed")
    assert "chunk 0 of validation at version 0, episode 0" in reason
    assert "inner_steps_evaluation" in reason


def test_nothing_to_replay(platform: Platform, sampled: Submit) -> None:
    # Given a run that is well, or none, if it is replayed, I expect a sentence.
    run = sampled()
    with pytest.raises(RunError, match="there is nothing to replay"):
        replay(platform, run)
    with pytest.raises(RunError, match="there is no run 'nobody'"):
        replay(platform, "nobody")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("found.json", b"{", "is not what was found"),
        ("found.json", b'{"version": 0}', "is not what was found"),
        ("phi.safetensors", b"", "not a whole safetensors file"),
        ("phi.safetensors", None, "is not whole"),
        ("episodes", b"PHIFORGE", "not an episode file"),
        ("episodes", None, "is not whole"),
    ],
)
def test_what_was_kept_is_damaged(
    platform: Platform, sampled: Submit, name: str, data: bytes | None, expected: str
) -> None:
    # Given what was kept of a run, damaged, if it is replayed, I expect a sentence that says so.
    run = sampled()
    spoil(platform, run, job=0, episode=0, value=np.nan)
    train(platform, run)
    key = f"runs/{run}/failed/00000000-0000/{name}"
    platform.store.delete(key) if data is None else platform.store.put(key, data)
    with pytest.raises(FormatError, match=expected):
        replay(platform, run)
