"""Which version is made of which contributions, and which come too late for it."""

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.steps import Ticket
from phiforge_trainer.worker import Trainer
from tests.fleet import hashes, head, tickets_of
from tests.integration.staleness.steps import EACH_ONCE, VERSIONS, sampled, spec_of, take, take_all, used, works

pytestmark = pytest.mark.services


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
    assert not tickets_of(platform).open(run)
    assert not tickets_of(platform).waiting(run)


def test_what_is_too_old_is_computed_again(platform: Platform, run: str) -> None:
    # Given a contribution that was computed from φ of version 0 and comes when the head is at 2
    record, state = platform.run(run), platform.exchange.state(run)
    assert state
    payload, origin = Trainer(platform).work(record, state, 1, 1)
    take(platform, run, (0, 0), (0, 1))
    fresh = tickets_of(platform).publish(run, Ticket(2, 0), state.phi_hash, payload, origin._replace(phi_version=0))
    assert fresh.outcome == "published"
    take(platform, run, (1, 0))
    late = tickets_of(platform).publish(run, Ticket(1, 1), state.phi_hash, payload, origin._replace(phi_version=0))
    # I expect it to be turned away, and so one that says another version than it was computed from;
    wrong = tickets_of(platform).publish(run, Ticket(1, 1), state.phi_hash, payload, origin._replace(phi_version=2))
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
    slow = {ticket: trainer.work(record, state, *ticket) for ticket in sorted(tickets_of(platform).open(run))[:4]}
    take(platform, run, (2, 0), (2, 1), (3, 0), (3, 1))
    for ticket, (payload, origin) in slow.items():
        published = tickets_of(platform).publish(run, ticket, state.phi_hash, payload, origin._replace(phi_version=0))
        assert published.outcome == "published"
    # If the next version is made
    take(platform, run, (0, 0))
    # I expect it to be made of two, and the others, which are too old from then on, to be gone and wanted again.
    assert works(platform, run)[2] == [(0, 0, 0), (0, 1, 0)]
    assert tickets_of(platform).waiting(run) == set()
    assert {(1, 0), (1, 1)} < tickets_of(platform).open(run)
    take_all(platform, run)
    assert used(platform, run) == EACH_ONCE
