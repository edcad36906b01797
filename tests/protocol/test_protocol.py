"""Exactly once, and no stall, under every interleaving that hypothesis comes up with; and bugs that it must find."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from client.servers import RedisServer
from phiforge import progress
from tests.protocol.machine import Change, ProtocolMachine

pytestmark = pytest.mark.services

THOROUGH = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
UNTIL_FOUND = settings(THOROUGH, max_examples=400, derandomize=True, database=None, print_blob=False)


def machine(redis_server: RedisServer, change: Change | None = None) -> type[ProtocolMachine]:
    """Return the machine on a server, with a bug in its scripts if there is to be one."""
    fields = {"url": redis_server.url} | ({"change": staticmethod(change)} if change else {})
    return type("Machine", (ProtocolMachine,), fields)


def test_the_protocol(redis_server: RedisServer) -> None:
    # Given any deliveries, deaths and losses, I expect every invariant to hold, and the end to be reached from there.
    run_state_machine_as_test(machine(redis_server), settings=THOROUGH)


def replaced(script: str, old: str, new: str) -> Change:
    """Return a bug: ``new`` in place of ``old`` in one script."""

    def change(name: str, text: str) -> str:
        assert name != script or old in text, f"{script}.lua has no {old!r} to break any more"
        return text.replace(old, new) if name == script else text

    return change


BUGS: dict[str, tuple[Change, str]] = {
    "a contribution to a step that is over": (
        replaced("publish", "if state[2] ~= ARGV[1] then return {'stale', 0} end", ""),
        "came in while the head was",
    ),
    "the last contribution instead of the first": (
        replaced("publish", "redis.call('HSETNX', KEYS[2]", "redis.call('HSET', KEYS[2]"),
        "contributions of",
    ),
    "a commit on another head": (
        replaced("commit", " or state[2] ~= ARGV[1] then return 0 end", " then return 0 end"),
        "was committed on",
    ),
    "contributions that outlive their commit": (
        replaced("commit", "redis.call('DEL', KEYS[2], KEYS[5]", "redis.call('DEL', KEYS[5]"),
        "contributions of",
    ),
    "a restore to an older version": (
        replaced("restore", "if head and tonumber(head) >= tonumber(ARGV[1]) then return 0 end", ""),
        "the head went from",
    ),
}


@pytest.mark.parametrize(("change", "expected"), BUGS.values(), ids=BUGS.keys())
def test_a_bug_in_a_script_is_found(redis_server: RedisServer, change: Change, expected: str) -> None:
    # Given a script with one check less, I expect a sequence of events that shows it.
    with pytest.raises(AssertionError, match=expected):
        run_state_machine_as_test(machine(redis_server, change), settings=UNTIL_FOUND)


def jobs_before_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the next version's jobs, and only then write the checkpoint that is due."""
    ensure, due = progress.ensure_checkpoint, progress.RunRecord

    def advance(platform, record, version):  # type: ignore[no-untyped-def]
        for job in range(record.spec.outer.jobs):
            platform.queue.train(record.run, version, job)
        ensure(platform, record, version)

    assert due
    monkeypatch.setattr("trainer.job.advance", advance)


def nothing_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lost messages stay lost."""
    monkeypatch.setattr(progress, "_resend", lambda *_: None)


@pytest.mark.parametrize(
    ("plant", "expected"),
    [(jobs_before_checkpoint, "assert 0 >= 2"), (nothing_sent_again, "rounds the head is")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bug_in_what_follows_is_found(
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    expected: str,
) -> None:
    # Given progress with a step in the wrong place, or left out, I expect a sequence of events that shows it.
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=expected):
        run_state_machine_as_test(machine(redis_server), settings=UNTIL_FOUND)
