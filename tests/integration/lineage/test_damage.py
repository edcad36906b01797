"""What is damaged on the way through Redis is never applied, nor kept: it is computed again, to the same log."""

import json

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.commit_log import reproducible
from phiforge.runs.reconcile import reconcile
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import steps_of
from tests.integration.lineage.runs import JOBS, key_of, log_of, move

pytestmark = pytest.mark.services


@pytest.mark.parametrize("damage", ["another", "gone", "origin"])
def test_a_damaged_contribution_is_never_applied(platform: Platform, trained: str, run: str, damage: str) -> None:
    # Given contributions of all jobs but one, of which one turns into another whole contribution, gets lost, or has no
    # origin that can be read
    sampler, trainer = Sampler(platform), Trainer(platform)
    sampler.sample_training(run, 0, sent_at=0)
    for job in range(JOBS - 1):
        trainer.handle(run, 0, job, sent_at=0)
    redis = platform.exchange.redis
    place, other = (steps_of(platform).contribution_key(run, 0, job) for job in (1, 2))
    if damage == "another":
        redis.copy(other, place, replace=True)
    elif damage == "gone":
        redis.delete(place)
    else:
        redis.hset(key_of(platform, run, "origins:0"), "1", b"{}")
    # If the last job comes in
    waiting = platform.exchange.waiting(platform.queue.name("training"))
    trainer.handle(run, 0, JOBS - 1, sent_at=0)
    # I expect no commit; the damaged one dropped and asked for again, the others kept;
    state = platform.exchange.state(run)
    assert state
    assert state.head == 0
    assert steps_of(platform).contributed(run, 0) == {0, 2, 3}
    assert platform.exchange.waiting(platform.queue.name("training")) == waiting + 1
    # and the commit as if nothing had happened, when it comes.
    trainer.handle(run, 0, 1, sent_at=0)
    entry = json.loads(platform.exchange.log(run)[1])
    assert reproducible(entry) == log_of(platform, trained)[0]


@pytest.mark.parametrize("name", ["optimizer:2", "phi:2"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_head_is_restored(platform: Platform, trained: str, run: str, name: str, cut: bool) -> None:
    # Given a run of which Redis holds φ or the optimiser's state cut short, or with one bit flipped
    move(platform, run, 2)
    Sampler(platform).sample_training(run, 2, sent_at=0)
    for job in range(JOBS - 1):
        Trainer(platform).handle(run, 2, job, sent_at=0)
    key = key_of(platform, run, name)
    data = platform.exchange.redis.get(key)
    platform.exchange.redis.set(key, data[:-1] if cut else data[:-1] + bytes([data[-1] ^ 1]))
    # If the last job comes in
    Trainer(platform).handle(run, 2, JOBS - 1, sent_at=0)
    # I expect no commit from it, but another start from the newest checkpoint, to the same log.
    reconcile(platform, run)
    state = platform.exchange.state(run)
    assert state
    assert state.head == 0
    move(platform, run, 3)
    assert log_of(platform, run) == log_of(platform, trained)[:3]


@pytest.mark.parametrize("what", ["optimizer:3", "log"])
def test_nothing_damaged_becomes_a_checkpoint(
    platform: Platform, trained: str, run: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a version that was committed, by a worker that died before it wrote the checkpoint
    with monkeypatch.context() as dying:
        dying.setattr("phiforge.runs.consistency.synchronous.moves.advance", lambda *_: None)
        move(platform, run, 3)
    # If what Redis holds of it is damaged, and reconcile writes the checkpoint
    key = key_of(platform, run, what)
    if what == "log":
        line = platform.exchange.redis.hget(key, "2")
        platform.exchange.redis.hset(key, "2", line.replace(b'"loss":', b'"lost":'))
    else:
        platform.exchange.redis.copy(key_of(platform, run, "optimizer:2"), key, replace=True)
    platform.exchange.redis.hset(key_of(platform, run, "state"), "moved_at", 0)
    reconcile(platform, run)
    # I expect it not to, and the run to go back to the checkpoint before, to the same log.
    assert platform.record.checkpoints(run) == [0]
    reconcile(platform, run)
    move(platform, run, 3)
    assert log_of(platform, run) == log_of(platform, trained)[:3]
    assert platform.record.checkpoints(run) == [0, 3]
