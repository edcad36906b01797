"""Episodes and checkpoints are kept as long as something needs them, and come out the same if made again."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.keys import training_episodes_key
from phiforge.runs.reconcile import reconcile
from phiforge_client.branching import branch
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from phiforge_sampler.service import Sampler
from tests.integration.lineage.runs import VERSIONS, key_of, log_of, move, spec_of

pytestmark = pytest.mark.services


def versions_with_episodes(platform: Platform, run: str) -> list[int]:
    return sorted({version for version, _ in platform.record.training_episodes(run)})


def test_episodes_go_when_no_restore_needs_them(platform: Platform, run: str) -> None:
    # Given a run whose sampler is ahead
    sampler = Sampler(platform)
    move(platform, run, 4)
    sampler.sample_training(run, 4, sent_at=0)
    made = platform.store.get(training_episodes_key(run, 1, 2))
    # If its newest checkpoint is version 3, I expect the episodes from there on to stay,
    sampler.retain(run, sent_at=0)
    assert versions_with_episodes(platform, run) == [3, 4]
    # a late message to bring none back, nor reconcile to ask for any,
    sampler.sample_training(run, 1, sent_at=0)
    platform.exchange.redis.hset(key_of(platform, run, "state"), "moved_at", 0)
    asked = platform.exchange.waiting(platform.queue.name("sampling"))
    reconcile(platform, run)
    assert platform.exchange.waiting(platform.queue.name("sampling")) == asked + (VERSIONS - 5)
    assert versions_with_episodes(platform, run) == [3, 4]
    # and each to come out with the same bytes when it is made again.
    assert sampler.training_batch(platform.run(run), 1, 2).to_bytes() == made
    # If training is over, I expect none to be left.
    move(platform, run)
    sampler.retain(run, sent_at=0)
    assert versions_with_episodes(platform, run) == []


def test_how_much_is_kept_is_a_setting(platform: Platform, run: str) -> None:
    # Given settings that keep two versions more, or all
    move(platform, run, 4)
    for keep, left in (("all", [0, 1, 2, 3]), (2, [1, 2, 3])):
        settings = platform.settings.model_copy(update={"keep_episodes": keep})
        keeping = Platform(settings, platform.store, platform.exchange, platform.queue)
        Sampler(keeping).retain(run, sent_at=0)
        # I expect just those to be left.
        assert versions_with_episodes(platform, run) == left


def test_many_episodes_go_a_batch_at_a_time(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a run that is over, and a batch smaller than its episodes
    move(platform, run, 4)
    platform.record.end(run, "cancelled", "enough")
    monkeypatch.setattr("phiforge.runs.episode_deletion.BATCH", 10)
    assert run in platform.record.ended()
    # If services look at it again and again, I expect one of them to ask for now.
    assert [platform.exchange.retention_due(run, 60) for _ in range(3)] == [True, False, False]
    # If a sampler takes the message, I expect it to delete a batch and to send itself another, until none is left.
    for left in (6, 0):
        asked = platform.exchange.waiting(platform.queue.name("sampling"))
        Sampler(platform).retain(run, sent_at=0)
        assert len(list(platform.record.training_episodes(run))) == left
        assert platform.exchange.waiting(platform.queue.name("sampling")) == asked + bool(left)
    assert run not in platform.record.ended()


def test_checkpoints_are_thinned_if_wanted(platform: Platform, trained: str) -> None:
    # Given settings that keep the newest two checkpoints, and validations every four versions
    settings = platform.settings.model_copy(update={"keep_checkpoints": 2})
    thinning = Platform(settings, platform.store, platform.exchange, platform.queue)
    evaluation = {"every": 4, "validation_tasks": 2, "test_tasks": 2}
    run = submit(thinning, spec_of(checkpoint={"every": 1}, evaluation=evaluation))
    # If it is trained, I expect the first, the validated and the newest two to be left,
    move(thinning, run, 7)
    assert platform.record.checkpoints(run) == [0, 4, 6, 7]
    move(thinning, run)
    assert platform.record.checkpoints(run) == [0, 4, 7, 8]
    # to the same φ, and the others to be computed again where they are asked for.
    assert [each["phi_hash"] for each in log_of(platform, run)] == [
        each["phi_hash"] for each in log_of(platform, trained)
    ]
    assert verify(platform, run, 6).differences == []
    new = branch(platform, run, 6)
    assert platform.checkpoints.load(new, 6).phi_hash == log_of(platform, run)[5]["phi_hash"]
