"""Whole fleets come to the same average of φ to the bit, whoever dies, and judge it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.learning.meta_training import judge, meta_train
from phiforge.tasks.drawing import Tasks
from phiforge_client.servers import RedisServer
from phiforge_client.stack import Stack
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from tests.fleet import small_spec, wait_for_end, wait_for_version
from tests.integration.test_meta_training import with_steps

pytestmark = pytest.mark.services

OUTER = {"versions": 20, "meta_batch": 8, "job_size": 2, "average": {"decay": 0.9}}


@pytest.fixture
def platforms(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Platform]]:
    """The connections of two fleets that share nothing."""
    opened = []
    for number in range(2):
        name, home = f"average-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp(f"average{number}")
        quick = {"reconcile_seconds": 0.5, "stall_seconds": 1.0, "keep_episodes": "all"}
        opened.append(Platform.open(Settings(home=home, redis_url=redis_server.url, namespace=name, **quick)))
    yield opened
    for platform in opened:
        platform.close()


def states(platform: Platform, run: str) -> list[tuple[int, str, str]]:
    """Return the hashes of φ and of the optimiser's state, which holds the average, at every version."""
    return [(each["version"], each["phi_hash"], each["optimizer_hash"]) for each in platform.record.log(run)]


@pytest.mark.slow
def test_one_trainer_and_two_that_die(platforms: list[Platform]) -> None:
    # Given a fleet of one trainer, and one of two
    spec: dict[str, Any] = small_spec(outer=OUTER, learner={"network": {"name": "conv4", "channels": 8}})
    alone, fired = platforms
    with Stack(alone.settings, trainers=1):
        undisturbed = submit(alone, spec)
        assert wait_for_end(alone, undisturbed) == "complete"
    with Stack(fired.settings, trainers=2) as stack:
        run = submit(fired, spec)
        wait_for_version(fired, run, 6)
        # If in the second a trainer is killed by -9, and all that Redis holds of the run is lost
        next(service for service in stack.services if service.name == "trainer-0").process.kill()
        wait_for_version(fired, run, 11)
        fired.exchange.forget(run)
        assert wait_for_end(fired, run) == "complete"
    # Expect the same φ and the same average at every version, to the bit,
    assert states(fired, run) == states(alone, undisturbed)
    # both judged by it: the same scores as of the average that one process comes to.
    record, report = fired.run(run), fired.record.report(run)
    assert report["judged"] == "average"
    tasks = Tasks(record.spec)
    *_, last = meta_train(record.spec, tasks.training, tasks.train_classes)
    recorded = fired.record.scores(run, "validation", 20)
    found = judge(with_steps(record.spec, recorded.get("inner_steps")), last.judged, tasks.judged("validation"))
    assert {name: each.mean for name, each in found.items()} == {name: recorded[name] for name in found}
    assert report["final_phi_hash"] == last.phi_hash


@pytest.mark.slow
def test_bounded_staleness(platforms: list[Platform]) -> None:
    # Given a fleet of two trainers that do not wait for each other
    platform, _ = platforms
    spec = small_spec(consistency="bounded_staleness", staleness=2, outer=OUTER | {"versions": 12})
    with Stack(platform.settings, trainers=2) as stack:
        run = submit(platform, spec)
        wait_for_version(platform, run, 4)
        # If one is killed by -9, and Redis forgets the run
        next(service for service in stack.services if service.name == "trainer-1").process.kill()
        platform.exchange.forget(run)
        assert wait_for_end(platform, run) == "complete"
    # Expect every version, and its average, to come out of the log again as it was recorded.
    assert verify(platform, run, every=True).differences == []
