"""In a secured fleet each service does its whole job as its own user."""

import pytest

from client.verification import verify
from phiforge.fleet.platform import Platform
from tests.fleet import hashes, wait_for_end, wait_until
from tests.secured import SecuredStack

pytestmark = pytest.mark.services


def test_a_run_completes_with_each_service_as_itself(platform: Platform, stack: SecuredStack, finished: str) -> None:
    # Given a run of a secured fleet, I expect all of its record: every version, every score, the report,
    assert list(hashes(platform, finished)) == list(range(1, 21))
    assert platform.record.checkpoints(finished) == [0, 5, 10, 15, 20]
    assert platform.record.scored(finished, "validation") == [0, 10, 20]
    assert platform.record.report(finished)["test"]["tasks"] == 20
    # nothing left to do, every service alive,
    wait_until(lambda: finished not in platform.record.active(), "its retirement")
    stack.check()
    # and no service that was refused anything on the way.
    for service in stack.services:
        log = service.process.log.read_text()
        assert "AccessDenied" not in log, service.name
        assert "NOPERM" not in log, service.name


def test_a_run_can_be_verified_and_its_episodes_are_deleted(platform: Platform, finished: str) -> None:
    # Given that run, I expect its sampler to have deleted its episodes, which nothing needs any more,
    wait_until(lambda: finished not in platform.record.ended(), "the end of its retention")
    assert list(platform.record.training_episodes(finished)) == []
    # and the person who submitted it to be able to compute it again.
    assert verify(platform, finished, 20).differences == []


def test_a_dataset_that_cannot_be_sampled_fails_the_run(platform: Platform, stack: SecuredStack, finished: str) -> None:
    # Given a run whose dataset is not there: only the sampler sees it, and it may not write a run's state in Redis
    record = platform.run(finished)._replace(run=f"{finished}-x", dataset="0" * 64)
    platform.record.create(record)
    platform.checkpoints.save(record.run, platform.checkpoints.load(finished, 0))
    # If services find it
    platform.record.activate(record.run)
    # I expect it marked failed with the reason, stopped and retired.
    assert wait_for_end(platform, record.run) == "failed"
    assert "dataset" in platform.record.end_reason(record.run, "failed")
    wait_until(lambda: record.run not in platform.record.active(), "its retirement")
    wait_until(lambda: platform.exchange.state(record.run).status == "failed", "its stop")
