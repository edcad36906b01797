"""What reconcile makes up for, and what happens just while it looks: driven by hand on a real Redis."""

from collections.abc import Callable
from typing import Any

import pytest

from phiforge.base.errors import StoreError
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import decode
from phiforge.runs.advance import ensure_checkpoint
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.consistency.protocols import protocol_of
from phiforge.runs.reconcile import reconcile
from phiforge_client.submission import cancel, resume
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.fleet import JOBS, head

pytestmark = pytest.mark.services


def just_before(monkeypatch: pytest.MonkeyPatch, of: object, name: str, happens: Callable[[], None]) -> None:
    """Let something happen just before the next call of a method."""
    method = getattr(of, name)

    def call(*arguments: Any) -> Any:
        monkeypatch.setattr(of, name, method)
        happens()
        return method(*arguments)

    monkeypatch.setattr(of, name, call)


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
