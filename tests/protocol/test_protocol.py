"""Exactly once, and no stall, under every interleaving that hypothesis comes up with; and bugs that must be found."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from phiforge.runs import advance as progress
from phiforge.runs import reconcile
from phiforge.runs.consistency.base import Consistency
from phiforge.runs.submitted import RunRecord
from phiforge_client.servers import RedisServer
from tests.protocol import stories
from tests.protocol.machine import ProtocolMachine
from tests.protocol.model import Change

pytestmark = pytest.mark.services

THOROUGH = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
UNTIL_FOUND = settings(THOROUGH, max_examples=400, derandomize=True, database=None, print_blob=False)

Story = Callable[[ProtocolMachine], None]
Plant = Callable[[pytest.MonkeyPatch], Change]


def machine(redis_server: RedisServer, change: Change | None = None, *, liveness: bool = True) -> type[ProtocolMachine]:
    """Return the machine on a server, with a bug in its scripts if there is to be one."""
    fields: dict[str, Any] = {"url": redis_server.url, "liveness": liveness}
    fields |= {"change": staticmethod(change)} if change else {}
    return type("Machine", (ProtocolMachine,), fields)


def test_the_protocol(redis_server: RedisServer) -> None:
    # Given any deliveries, deaths and losses, I expect every invariant to hold, and the end to be reached from there.
    run_state_machine_as_test(machine(redis_server), settings=THOROUGH)


def replaced(script: str, *changes: tuple[str, str]) -> Plant:
    """Return a bug: other text in some places of one script."""

    def change(name: str, text: str) -> str:
        for old, new in changes if name == script else ():
            assert old in text, f"{script}.lua has no {old!r} to break any more"
            text = text.replace(old, new)
        return text

    return lambda monkeypatch: change


def unchanged(name: str, text: str) -> str:
    return text


def jobs_before_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> Change:
    """Send the next version's jobs, and only then write the checkpoint that is due."""
    advance = progress.advance

    def other_way_round(protocol: Consistency, record: RunRecord, version: int, kept: int | None = None) -> None:
        for job in range(record.spec.outer.jobs):
            protocol.platform.outbox.train(record.run, version, job)
        advance(protocol, record, version, kept)

    monkeypatch.setattr("phiforge.runs.consistency.synchronous.moves.advance", other_way_round)
    return unchanged


def nothing_sent_again(monkeypatch: pytest.MonkeyPatch) -> Change:
    """Let lost messages stay lost."""
    monkeypatch.setattr(reconcile, "_resend", lambda *_: None)
    return unchanged


LATE_CONTRIBUTION = replaced("publish", ("elseif state[2] ~= arg.version then outcome = 'stale'", ""))
LAST_CONTRIBUTION = replaced(
    "publish", ("redis.call('DEL', key.staged)", "redis.call('RENAME', key.staged, key.contribution)")
)
ANY_COMMIT = replaced(
    "commit",
    (" or state[2] ~= arg.version then return false end", " then return false end"),
    ("return redis.call('HLEN', key.origins) == tonumber(arg.jobs)", "return true"),
)
KEPT_CONTRIBUTIONS = replaced(
    "commit",
    ("for _, contribution in ipairs(keys_rest) do redis.call('DEL', contribution) end", ""),
    ("redis.call('DEL', key.origins)", ""),
)
ANY_RESTORE = replaced("restore", ("if is_known() then return 0 end", ""))

BUGS: dict[str, tuple[Plant, Story, str]] = {
    "a contribution to a step that is over": (
        LATE_CONTRIBUTION,
        stories.a_zombie_contributes,
        "came in while the head",
    ),
    "the last contribution for the first": (LAST_CONTRIBUTION, stories.a_job_is_done_twice, "contributions of"),
    "a commit on another head": (ANY_COMMIT, stories.two_commit, "was committed on"),
    "contributions that outlive their commit": (KEPT_CONTRIBUTIONS, stories.a_version_is_over, "contributions of"),
    "a restore to an older version": (ANY_RESTORE, stories.a_late_restore, "the head went from"),
    "jobs before the checkpoint": (jobs_before_the_checkpoint, stories.a_death_before_the_checkpoint, "left behind"),
    "nothing sent again": (nothing_sent_again, stories.every_message_is_lost, "rounds the head is"),
}
STORIES = [story for _, story, _ in BUGS.values()] + [stories.a_kept_job_is_lost, stories.a_death_at_the_end]


def tell(redis_server: RedisServer, story: Story, change: Change | None = None) -> None:
    """Let a story happen, and then the rest of the run."""
    told = machine(redis_server, change)()
    try:
        told.submit()
        story(told)
        told.check()
    except BaseException:
        told.liveness = False  # type: ignore[misc]
        raise
    finally:
        told.teardown()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_stories_end_well(redis_server: RedisServer, story: Story) -> None:
    # Given the protocol as it is, I expect every story to end well.
    tell(redis_server, story)


@pytest.mark.parametrize(("plant", "story", "expected"), BUGS.values(), ids=BUGS.keys())
def test_a_bug_is_seen(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, plant: Plant, story: Story, expected: str
) -> None:
    # Given one check less, or one step in another place, I expect the machine to see what comes of it.
    with pytest.raises(AssertionError, match=expected):
        tell(redis_server, story, plant(monkeypatch))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [(LAST_CONTRIBUTION, "contributions of"), (KEPT_CONTRIBUTIONS, "contributions of")],
    ids=["the last contribution for the first", "contributions that outlive their commit"],
)
def test_a_bug_is_found(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, plant: Plant, expected: str
) -> None:
    # Given one check less and nobody who knows where to look, I expect the machine to come upon it.
    found = machine(redis_server, plant(monkeypatch), liveness=False)
    with pytest.raises(AssertionError, match=expected):
        run_state_machine_as_test(found, settings=UNTIL_FOUND)
