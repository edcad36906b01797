"""A whole fleet under fire: trainers killed, Redis wiped, messages doubled."""

from collections import Counter

import pytest

from phiforge.fleet.platform import Platform
from phiforge.runs.steps import Ticket
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from tests.fleet import tickets_of, wait_for_end, wait_for_version, wait_until
from tests.integration.staleness.steps import JOBS, spec_of, used, works

pytestmark = pytest.mark.services


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
        for ticket in tickets_of(platform).open(run):
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
