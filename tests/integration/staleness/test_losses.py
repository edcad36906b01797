"""Messages, workers, checkpoints, Redis or bits of a contribution are lost, and every ticket is still applied once."""

import pytest

from phiforge.base.errors import StoreError
from phiforge.fleet.platform import Platform
from phiforge.runs.checkpoints import Checkpoint
from phiforge.runs.reconcile import reconcile
from phiforge.runs.steps import Ticket
from phiforge_client.verification import verify
from phiforge_trainer.worker import Trainer
from tests.fleet import head, tickets_of
from tests.integration.staleness.steps import EACH_ONCE, messages, take, take_all, used

pytestmark = pytest.mark.services


def test_a_lost_ticket_is_sent_again(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a ticket of version 0 whose message was lost
    sent: list[Ticket] = []
    monkeypatch.setattr(platform.queue, "train_together", lambda _, jobs: sent.extend(Ticket(*each) for each in jobs))
    # If the run goes on without it
    for heads, tickets in enumerate((((0, 0), (1, 0)), ((1, 1), (2, 0)), ((2, 1), (3, 0)), ((3, 1), (4, 0)))):
        take(platform, run, *tickets)
        assert head(platform, run) == heads + 1
    # I expect it to be sent again at each second version, for what came of the message before would be too old.
    assert sent.count(Ticket(0, 1)) == 2


def test_killed_between_the_last_contribution_and_the_commit(platform: Platform, run: str) -> None:
    # Given a full set of contributions and no commit: the worker died there
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    for ticket in (Ticket(0, 0), Ticket(0, 1), Ticket(1, 0)):
        payload, origin = Trainer(platform).work(record, state, *ticket)
        tickets_of(platform).publish(run, ticket, state.phi_hash, payload, origin._replace(phi_version=0))
    assert head(platform, run) == 0
    # If what reconcile sends arrives
    platform.exchange.redis.hset(platform.exchange.key(run, "state"), mapping={"moved_at": 0, "resends": 0})
    before = messages(platform)
    reconcile(platform, run)
    assert messages(platform) == before + 2
    take(platform, run, (0, 0))
    # I expect the commit.
    assert head(platform, run) == 1


def test_the_head_waits_for_its_checkpoint(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a run at version 3, whose checkpoint is due, and a store that fails just when it is written
    def fail(run: str, checkpoint: Checkpoint) -> None:
        raise StoreError("the store went away")

    take(platform, run, (0, 0), (0, 1), (2, 0), (1, 0), (3, 1))
    with monkeypatch.context() as broken:
        broken.setattr(platform.checkpoints, "save", fail)
        with pytest.raises(StoreError):
            take(platform, run, (2, 1))
    assert head(platform, run) == 3
    # If enough contributions come for another version, I expect none;
    take(platform, run, (1, 1), (3, 0), (4, 0))
    assert head(platform, run) == 3
    # and once reconcile has written the checkpoint, with the tickets that were open then, all goes on,
    platform.exchange.redis.hset(platform.exchange.key(run, "state"), mapping={"moved_at": 0, "resends": 0})
    reconcile(platform, run)
    assert platform.record.extras(run, 3) == {"tickets": [[1, 1], [3, 0], [4, 0], [4, 1]]}
    take(platform, run, (3, 0))
    assert head(platform, run) == 4
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE


def test_restored_from_a_checkpoint(platform: Platform, run: str) -> None:
    # Given a run past a checkpoint at which a ticket of version 1 was open, and a worker with a contribution
    take(platform, run, (0, 0), (0, 1), (2, 0), (1, 0), (3, 1), (2, 1))
    assert head(platform, run) == 3
    take(platform, run, (1, 1), (3, 0))
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    assert state.head == 4
    payload, origin = Trainer(platform).work(record, state, 5, 0)
    # If Redis loses all it holds of it, and it goes on another way
    platform.exchange.forget(run)
    reconcile(platform, run)
    assert head(platform, run) == 3
    assert tickets_of(platform).open(run) == {(1, 1), (3, 0), (4, 0), (4, 1)}
    take(platform, run, (4, 1), (1, 1))
    assert head(platform, run) == 4
    # I expect what was computed from the φ that was lost to be turned away,
    late = tickets_of(platform).publish(run, Ticket(5, 0), state.phi_hash, payload, origin._replace(phi_version=4))
    assert late.outcome == "old"
    # and every ticket once in what is left.
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE
    verified = verify(platform, run, every=True)
    assert verified.differences == []


def test_damaged_contributions_are_computed_again(platform: Platform, run: str) -> None:
    # Given a contribution, and what lies beside another, that lost a bit in Redis
    take(platform, run, (0, 0))
    place = tickets_of(platform).contribution_key(run, Ticket(0, 0))
    data = platform.exchange.redis.get(place)
    platform.exchange.redis.set(place, data[:-1] + bytes([data[-1] ^ 1]))
    # If a version would be made of it, I expect none,
    take(platform, run, (0, 1))
    assert head(platform, run) == 0
    assert tickets_of(platform).waiting(run) == {(0, 1)}
    # and so for what lies beside;
    platform.exchange.redis.hset(platform.exchange.key(run, "origins:open"), "0:1", b"{}")
    take(platform, run, (0, 0))
    assert head(platform, run) == 0
    # once they are computed again, it is made.
    take(platform, run, (0, 1))
    assert head(platform, run) == 1
