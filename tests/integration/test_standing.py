"""A run that stands says so, why and for how long; one that moves does not."""

import errno
import os

import pytest

from phiforge.base.errors import MissingObjectError, StoreError, UnreachableStoreError
from phiforge.fleet.platform import Platform
from phiforge.fleet.roster import Roster
from phiforge.runs.troubles import Troubles, words_of
from phiforge_client.submission import submit
from phiforge_client.view import view_of
from phiforge_sampler.service import Sampler
from phiforge_trainer.worker import Trainer
from tests.badinput.conftest import waves

pytestmark = pytest.mark.services


@pytest.fixture
def run(platform: Platform) -> str:
    return submit(platform, waves())


def staff(platform: Platform) -> None:
    """Let a worker of every kind say that it lives."""
    Roster.of(platform, "sampling").beat()
    Roster.of(platform, "training").beat()
    Roster.of(platform, "evaluation").beat()


def silent_for(platform: Platform, run: str, seconds: int, pulse: str = "state") -> None:
    platform.exchange.redis.hincrby(platform.exchange.key(run, pulse), "moved_at", -1000 * seconds)


def full(key: str) -> StoreError:
    error = StoreError(f"cannot write {key!r}: check the folder's rights and free space")
    error.__cause__ = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return error


def test_a_run_without_a_trainer_stands(platform: Platform, run: str) -> None:
    # Given a run that nobody trains, and that last moved some minutes ago
    silent_for(platform, run, 245)
    # I expect it to say so, and for how long; once a trainer is there, to run;
    assert view_of(platform, run).status.startswith("standing: no trainer, for 4:0")
    staff(platform)
    assert view_of(platform, run).status == "running"
    # and one that died without a word to be there no longer than its lease.
    platform.exchange.redis.hset(f"{platform.exchange.namespace}:roster:training", "dead", "1000 cpu")
    Roster.of(platform, "training").leave()
    assert view_of(platform, run).status.startswith("standing: no trainer")


def test_a_run_without_a_sampler_stands_once_it_is_silent(platform: Platform, run: str) -> None:
    # Given a trainer and no sampler, I expect a run that has its episodes to run, and one that is silent to stand.
    Roster.of(platform, "training").beat()
    assert view_of(platform, run).status == "running"
    silent_for(platform, run, 60)
    assert view_of(platform, run).status.startswith("standing: no sampler, for 1:0")


def test_a_full_disk_is_told_until_the_run_moves(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a whole fleet whose disk is full
    staff(platform)
    silent_for(platform, run, 30)
    put = platform.store.put

    def refuse(key: str, value: bytes) -> None:
        raise full(key)

    monkeypatch.setattr(platform.store, "put", refuse)
    # If a sampler is to write, I expect the run to say so;
    with pytest.raises(StoreError):
        Sampler(platform).sample_training(run, 0, sent_at=0)
    assert view_of(platform, run).status.startswith("standing: disk full, for 0:3")
    # if there is room again and it moves, to run, though the trouble is remembered.
    monkeypatch.setattr(platform.store, "put", put)
    Sampler(platform).sample_training(run, 0, sent_at=0)
    for job in range(3):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    assert Troubles(platform.exchange).latest() is not None
    assert view_of(platform, run).status == "running"


def test_a_run_that_is_judged_stands_without_an_evaluator(platform: Platform, run: str) -> None:
    # Given a run whose training is over, and trainers and samplers alone
    for version in range(4):
        Sampler(platform).sample_training(run, version, sent_at=0)
        for job in range(3):
            Trainer(platform).handle(run, version, job, sent_at=0)
    Roster.of(platform, "training").beat()
    # I expect it to stand, and to be judged once there is an evaluator.
    assert view_of(platform, run).status.startswith("standing: no evaluator")
    staff(platform)
    assert view_of(platform, run).status == "evaluating"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (full("a"), "disk full"),
        (StoreError("cannot write 'a': the server answered XMinioStorageFull: it is"), "disk full"),
        (UnreachableStoreError("cannot read 'a': refused"), "store unreachable"),
        (StoreError("cannot write 'a':\n the server answered AccessDenied"), "store: cannot write 'a': the server"),
    ],
)
def test_what_is_said_of_an_error(error: StoreError, expected: str) -> None:
    assert words_of(error).startswith(expected)


def test_an_object_that_is_not_there_is_no_trouble(platform: Platform) -> None:
    Troubles(platform.exchange).note("training", MissingObjectError("there is none"))
    assert Troubles(platform.exchange).latest() is None
