"""Runs with bounded staleness, ticket by ticket on a real Redis, and as a whole under fire."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from client.branching import branch
from client.servers import RedisServer
from client.stack import Stack
from client.submission import submit
from client.verification import verify
from client.why import where, why
from phiforge.errors import StoreError
from phiforge.lineage import Work, works_of
from phiforge.platform import Platform
from phiforge.progress import reconcile
from phiforge.record import Checkpoint
from phiforge.retention import delete_episodes
from phiforge.settings import Settings
from phiforge.tickets import Ticket
from sampler.service import Sampler
from tests.fleet import hashes, small_spec, wait_for_end, wait_for_version, wait_until
from trainer.job import Trainer

pytestmark = pytest.mark.services

VERSIONS, JOBS = 6, 2


def spec_of(staleness: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a small spec with a checkpoint every three versions."""
    plain: dict[str, Any] = {
        "consistency": "bounded_staleness",
        "staleness": staleness,
        "outer": {"versions": VERSIONS, "meta_batch": 2 * JOBS, "job_size": 2},
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 8}},
        "checkpoint": {"every": 3},
        "evaluation": {"every": 100, "validation_tasks": 2, "test_tasks": 2},
    }
    return small_spec(**plain | changes)


@pytest.fixture(scope="module")
def platform(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A fleet's connections, with no service anywhere but where a test starts one."""
    name = f"staleness-{uuid.uuid4().hex[:8]}"
    home = tmp_path_factory.mktemp("staleness")
    settings = Settings(
        home=home,
        redis_url=redis_server.url,
        namespace=name,
        reconcile_seconds=0.5,
        stall_seconds=1.0,
        keep_episodes="all",
    )
    platform = Platform.open(settings)
    yield platform
    platform.close()


@pytest.fixture
def run(platform: Platform) -> str:
    """A run at version 0, with all its episodes."""
    return sampled(platform, spec_of())


def sampled(platform: Platform, spec: dict[str, Any]) -> str:
    run = submit(platform, spec)
    for version in range(platform.run(run).spec.outer.versions):
        Sampler(platform).sample_training(run, version, sent_at=0)
    return run


def take(platform: Platform, run: str, *tickets: tuple[int, int]) -> None:
    for version, job in tickets:
        Trainer(platform).handle(run, version, job, sent_at=0)


def take_all(platform: Platform, run: str) -> None:
    """Take open tickets, the newest first, until the run is trained."""
    while head(platform, run) < VERSIONS:
        before = platform.tickets.open(run) - platform.tickets.waiting(run)
        take(platform, run, max(before))


def head(platform: Platform, run: str) -> int:
    state = platform.exchange.state(run)
    assert state
    return state.head


def works(platform: Platform, run: str) -> list[list[Work]]:
    """Return what each version that is known of was made of."""
    entries = [*platform.record.log(run)]
    entries += [json.loads(each) for version, each in platform.exchange.log(run).items() if version > len(entries)]
    return [works_of(entry, JOBS) for entry in entries]


def used(platform: Platform, run: str) -> Counter[Ticket]:
    """Count how often each ticket was applied."""
    return Counter(Ticket(work.version, work.job) for version in works(platform, run) for work in version)


EACH_ONCE = Counter(Ticket(version, job) for version in range(VERSIONS) for job in range(JOBS))


def messages(platform: Platform) -> int:
    return platform.exchange.waiting(platform.queue.name("training"))


# Which version is made of what


def test_a_version_is_made_of_what_came_first(platform: Platform, run: str) -> None:
    # Given a run whose contributions may lag by one version
    # If the jobs of version 1 come before those of version 0
    take(platform, run, (1, 1), (1, 0))
    # I expect a version of them, from the φ there was,
    assert head(platform, run) == 1
    # and the next from those of version 0, which saw a newer φ.
    take(platform, run, (0, 0), (0, 1))
    assert head(platform, run) == 2
    assert works(platform, run) == [[(1, 0, 0), (1, 1, 0)], [(0, 0, 1), (0, 1, 1)]]


def test_without_staleness_it_is_synchronous(platform: Platform) -> None:
    # Given the same spec with no staleness allowed, and synchronous
    runs = [sampled(platform, spec_of(0)), sampled(platform, spec_of(0, consistency="synchronous"))]
    for run in runs:
        for version in range(VERSIONS):
            take(platform, run, (version, 1), (version, 0))
    # I expect the same φ at every version.
    assert len(hashes(platform, runs[0])) == VERSIONS
    assert hashes(platform, runs[0]) == hashes(platform, runs[1])


def test_a_ticket_is_applied_once(platform: Platform, run: str) -> None:
    # Given every ticket sent three times, in an order that lags as far as it may
    for version in (1, 0, 2, 3, 5, 4):
        take(platform, run, *[(version, job) for job in (0, 1)] * 3)
    take_all(platform, run)
    # If all of them come once more
    take(platform, run, *EACH_ONCE)
    # I expect each in one version,
    assert used(platform, run) == EACH_ONCE
    # and nothing left.
    assert not platform.tickets.open(run)
    assert not platform.tickets.waiting(run)


def test_what_is_too_old_is_computed_again(platform: Platform, run: str) -> None:
    # Given a contribution that was computed from φ of version 0 and comes when the head is at 2
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    payload, origin = Trainer(platform).work(record, state, 1, 1)
    take(platform, run, (0, 0), (0, 1))
    fresh = platform.tickets.publish(run, Ticket(2, 0), state.phi_hash, payload, origin._replace(phi_version=0))
    assert fresh.outcome == "published"
    take(platform, run, (1, 0))
    late = platform.tickets.publish(run, Ticket(1, 1), state.phi_hash, payload, origin._replace(phi_version=0))
    # I expect it to be turned away, and so one that says another version than it was computed from;
    wrong = platform.tickets.publish(run, Ticket(1, 1), state.phi_hash, payload, origin._replace(phi_version=2))
    assert (head(platform, run), late.outcome, wrong.outcome) == (2, "old", "old")
    # if it is computed again, to be applied.
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE
    for version, made in enumerate(works(platform, run)):
        assert all(version - 1 <= work.phi_version <= version for work in made)


def test_what_gets_too_old_while_it_waits_is_computed_again(platform: Platform) -> None:
    # Given four contributions from φ of version 0 that come together when the head is at 2, as far as they may lag
    run = sampled(platform, spec_of(2))
    record, state, trainer = platform.run(run), platform.exchange.state(run), Trainer(platform)
    assert state
    slow = {ticket: trainer.work(record, state, *ticket) for ticket in sorted(platform.tickets.open(run))[:4]}
    take(platform, run, (2, 0), (2, 1), (3, 0), (3, 1))
    for ticket, (payload, origin) in slow.items():
        published = platform.tickets.publish(run, ticket, state.phi_hash, payload, origin._replace(phi_version=0))
        assert published.outcome == "published"
    # If the next version is made
    take(platform, run, (0, 0))
    # I expect it to be made of two, and the others, which are too old from then on, to be gone and wanted again.
    assert works(platform, run)[2] == [(0, 0, 0), (0, 1, 0)]
    assert platform.tickets.waiting(run) == set()
    assert {(1, 0), (1, 1)} < platform.tickets.open(run)
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE


# What gets lost


def test_a_lost_ticket_is_sent_again(platform: Platform, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a ticket of version 0 whose message was lost
    sent: list[Ticket] = []
    monkeypatch.setattr(platform.queue, "train", lambda _, version, job: sent.append(Ticket(version, job)))
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
        platform.tickets.publish(run, ticket, state.phi_hash, payload, origin._replace(phi_version=0))
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
        broken.setattr(platform.record, "save_checkpoint", fail)
        with pytest.raises(StoreError):
            take(platform, run, (2, 1))
    assert head(platform, run) == 3
    # If enough contributions come for another version, I expect none;
    take(platform, run, (1, 1), (3, 0), (4, 0))
    assert head(platform, run) == 3
    # and once reconcile has written the checkpoint, with the tickets that were open then, all goes on,
    platform.exchange.redis.hset(platform.exchange.key(run, "state"), mapping={"moved_at": 0, "resends": 0})
    reconcile(platform, run)
    assert platform.record.tickets(run, 3) == ((1, 1), (3, 0), (4, 0), (4, 1))
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
    assert platform.tickets.open(run) == {(1, 1), (3, 0), (4, 0), (4, 1)}
    take(platform, run, (4, 1), (1, 1))
    assert head(platform, run) == 4
    # I expect what was computed from the φ that was lost to be turned away,
    late = platform.tickets.publish(run, Ticket(5, 0), state.phi_hash, payload, origin._replace(phi_version=4))
    assert late.outcome == "old"
    # and every ticket once in what is left.
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE
    verified = verify(platform, run, every=True)
    assert verified.differences == []


def test_damaged_contributions_are_computed_again(platform: Platform, run: str) -> None:
    # Given a contribution, and what lies beside another, that lost a bit in Redis
    take(platform, run, (0, 0))
    contributions = platform.exchange.key(run, "contributions:open")
    data = platform.exchange.redis.hget(contributions, "0:0")
    platform.exchange.redis.hset(contributions, "0:0", data[:-1] + bytes([data[-1] ^ 1]))
    # If a version would be made of it, I expect none,
    take(platform, run, (0, 1))
    assert head(platform, run) == 0
    assert platform.tickets.waiting(run) == {(0, 1)}
    # and so for what lies beside;
    platform.exchange.redis.hset(platform.exchange.key(run, "origins:open"), "0:1", b"{}")
    take(platform, run, (0, 0))
    assert head(platform, run) == 0
    # once they are computed again, it is made.
    take(platform, run, (0, 1))
    assert head(platform, run) == 1


# Lineage


def test_the_log_suffices_to_compute_it_again(platform: Platform, run: str) -> None:
    # Given a run whose contributions lagged, across its checkpoint too
    take(platform, run, (1, 0), (1, 1), (0, 0), (2, 0))
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    payload, origin = Trainer(platform).work(record, state, 3, 0)
    take(platform, run, (0, 1), (2, 1))
    platform.tickets.publish(run, Ticket(3, 0), state.phi_hash, payload, origin._replace(phi_version=state.head))
    assert (state.head, head(platform, run)) == (2, 3)
    take_all(platform, run)
    # I expect verify to start where nothing before is needed, and to find every hash,
    verified = verify(platform, run)
    assert (verified.start, verified.versions) == (0, [1, 2, 3, 4, 5, 6])
    assert verified.differences == []
    # and to say that the spec alone would not have been enough;
    assert not verified.bit_reproducible
    # why to name the jobs that a version was made of,
    first = why(platform, run, 1)
    assert [job.as_logged for job in first.jobs] == [True, True]
    item = first.jobs[0].episodes[0].support[0]
    assert 1 in {each.version for _, each in where(platform, run, item.name, item.drawing)}
    # and a branch that changes nothing to start from the same φ with the same tickets left.
    before = {entry["version"]: entry["phi_hash"] for entry in platform.record.log(run)}
    child = branch(platform, run, 4)
    assert platform.record.checkpoint(child, 4).phi_hash == before[4]
    assert set(platform.record.tickets(child, 4) or ()) == EACH_ONCE.keys() - {
        Ticket(work.version, work.job) for made in works(platform, run)[:4] for work in made
    }


def test_episodes_of_open_tickets_are_kept(platform: Platform) -> None:
    # Given a run that keeps no episodes, past a checkpoint at which a ticket of version 0 is open
    settings = platform.settings.model_copy(
        update={"keep_episodes": 0, "namespace": f"{platform.settings.namespace}-k"}
    )
    frugal = Platform.open(settings)
    run = sampled(frugal, spec_of(2))
    take(frugal, run, (0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0))
    assert (head(frugal, run), frugal.record.checkpoints(run)) == (3, [0, 3])
    # If episodes are deleted
    delete_episodes(frugal, run)
    # I expect those of version 0 to be there, which may be asked for again if they get lost too.
    assert {version for version, _ in frugal.record.training_episodes(run)} == set(range(VERSIONS))
    key = next(key for version, key in frugal.record.training_episodes(run) if version == 0)
    frugal.store.delete(key)
    Sampler(frugal).sample_training(run, 0, sent_at=0)
    assert frugal.store.exists(key)
    frugal.close()


# A fleet


@pytest.mark.slow
def test_a_fleet_under_fire(platform: Platform) -> None:
    # Given three trainers
    spec = spec_of(2, outer={"versions": 30, "meta_batch": 4, "job_size": 2}, checkpoint={"every": 7})
    with Stack(platform.settings, trainers=3) as stack:
        run = submit(platform, spec)
        wait_for_version(platform, run, 8)
        # If one is killed by -9,
        next(service for service in stack.services if service.name == "trainer-0").process.kill()
        wait_for_version(platform, run, 12)
        # Redis loses all it holds,
        platform.exchange.redis.flushall()
        # and messages come twice
        wait_until(lambda: (state := platform.exchange.state(run)) is not None and state.head >= 15, "version 15")
        for ticket in platform.tickets.open(run):
            platform.queue.train(run, *ticket)
        # I expect the run to end,
        assert wait_for_end(platform, run) == "complete"
    # each ticket in one version,
    assert used(platform, run) == Counter(Ticket(version, job) for version in range(30) for job in range(JOBS))
    # no contribution older than it may be,
    for version, made in enumerate(works(platform, run)):
        assert all(version - 2 <= work.phi_version <= version for work in made)
    # every hash as the log says, and a report that does not promise more.
    assert verify(platform, run, every=True).differences == []
    report = platform.record.report(run)
    assert report["consistency"] == "bounded_staleness"
    assert not report["bit_reproducible"]
    assert report["tasks_seen"] == 30 * 4
