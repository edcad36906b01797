"""In a secured fleet each service does its whole job as its own user."""

import pytest

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.fleet.refusals import Refusals
from phiforge.fleet.roster import Roster
from phiforge.runs.queues import QUEUES, QueueName
from phiforge.runs.studies.look import studies_of
from phiforge.runs.studies.outcome import StudyStatus
from phiforge.runs.troubles import Troubles
from phiforge.search.read import parse_study
from phiforge_client.studies.submission import submit_study
from phiforge_client.verification import verify
from tests.fleet import hashes, wait_for_end, wait_until
from tests.integration.studies.conftest import study, wait_for_study
from tests.integration.studies.test_halving import HALVING
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


def test_who_is_there_says_so(platform: Platform, stack: SecuredStack, finished: str) -> None:
    # Given that fleet, I expect every service's workers on the roster of their queue.
    keys = {queue: f"phiforge:roster:{queue}" for queue in QUEUES}
    there = {queue: platform.exchange.redis.hkeys(key) for queue, key in keys.items()}
    assert {queue: len(workers) for queue, workers in there.items()} == {"sampling": 1, "training": 2, "evaluation": 1}


SERVES: dict[str, QueueName] = {"sampler": "sampling", "trainer": "training", "evaluator": "evaluation"}


@pytest.mark.parametrize("user", SERVES)
def test_each_service_may_say_what_it_cannot_do(user: str, settings: dict[str, Settings], finished: str) -> None:
    # Given a service that lacks a part, as its own user, beside others of its kind, which said nothing
    own = Platform.open(settings[user])
    roster = Roster(own.exchange, SERVES[user], own.settings.lease_seconds, "one that lacks something")
    refusals = Refusals(own.exchange, roster)
    # If it puts messages back, for as long as it likes, I expect it to be let, and the run to go on.
    assert [refusals.refuse(f"{finished}-y", "it lacks a part") for _ in range(3)] == [None, None, None]
    roster.leave()
    own.close()


@pytest.mark.parametrize("user", SERVES)
def test_each_service_may_say_what_it_met_at_the_storage(user: str, settings: dict[str, Settings]) -> None:
    # Given a service as its own user, if it meets a full store, I expect it to be let say so, and all to read it.
    own = Platform.open(settings[user])
    Troubles(own.exchange).note(SERVES[user], StoreError("the server answered XMinioStorageFull"))
    found = Troubles(own.exchange).latest()
    assert found
    assert found.what == "disk full"
    own.exchange.redis.delete(f"{own.exchange.namespace}:trouble:{SERVES[user]}")
    own.close()


def test_a_service_alone_may_say_that_nobody_can(settings: dict[str, Settings]) -> None:
    # Given a sampler alone in a fleet, which cannot write what runs are made of
    own = Platform.open(settings["sampler"])
    refusals = Refusals(own.exchange, Roster(own.exchange, "sampling", 0.2, "alone"))
    key = "phiforge:roster:sampling"
    others = own.exchange.redis.hgetall(key)
    own.exchange.redis.delete(key)
    # If it lacks a part for longer than a lease, I expect it to hear that nobody has it.
    said: list[str | None] = []
    wait_until(lambda: bool(said.append(refusals.refuse("other-z", "it lacks a part")) or said[-1]), "the verdict")
    assert said[-1] == "no sampler of this fleet can do its work: 1: it lacks a part"
    own.exchange.redis.delete(key)
    if others:
        own.exchange.redis.hset(key, mapping=others)
    own.close()


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


def test_a_study_goes_through_with_each_service_as_itself(platform: Platform, stack: SecuredStack) -> None:
    # Given a study of which some trials are stopped, on a secured fleet
    submitted = submit_study(platform, parse_study(study(**HALVING)))
    # I expect it to be complete, and no service to have been refused anything on the way.
    found = wait_for_study(platform, submitted)
    assert studies_of(platform).status(submitted) is StudyStatus.COMPLETE
    assert sorted(result.end for result in found.results.values()) == ["complete", "stopped", "stopped", "stopped"]
    for service in stack.services:
        log = service.process.log.read_text()
        assert "AccessDenied" not in log, service.name
        assert "NOPERM" not in log, service.name
