"""A run goes on from any of its checkpoints to the same bytes."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.reconcile import reconcile
from phiforge_client.branching import branch
from tests.integration.lineage.runs import CHECKPOINTS, log_of, move

pytestmark = pytest.mark.services


@pytest.mark.parametrize("newest", CHECKPOINTS[:-1])
def test_going_on_from_any_checkpoint(platform: Platform, trained: str, newest: int) -> None:
    # Given a run that lost its later checkpoints, their episodes, and all of Redis
    run = branch(platform, trained, 0)
    move(platform, run)
    for version in CHECKPOINTS:
        if version > newest:
            platform.record.delete_checkpoint(run, version)
    for _, key in list(platform.record.training_episodes(run)):
        platform.store.delete(key)
    platform.exchange.redis.flushall()
    # If it goes on
    reconcile(platform, run)
    state = platform.exchange.state(run)
    assert state
    assert state.head == newest
    move(platform, run)
    # I expect the same checkpoints to the byte, optimiser included, and the same log.
    for version in CHECKPOINTS[1:]:
        name = f"checkpoints/{version:08d}.safetensors"
        assert platform.store.get(f"runs/{run}/{name}") == platform.store.get(f"runs/{trained}/{name}")
    assert log_of(platform, run) == log_of(platform, trained)
