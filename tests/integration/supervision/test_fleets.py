"""Fleets of real processes, some of whose trainers lack what a run needs: numba is not installed where they run."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.servers import RedisServer
from phiforge_client.stack import Service, Stack
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from tests.fleet import hashes, small_spec, wait_for_end, wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow]

SPEC = small_spec(numerics={"engine": "fused"})
WITHOUT_NUMBA = "import sys\nsys.modules['numba'] = None  # neither found nor imported\n"


class MixedStack(Stack):
    """A stack whose first two trainers run where numba is not installed."""

    @property
    def lacking(self) -> tuple[str, ...]:
        """The services without numba."""
        return "trainer-0", "trainer-1"

    def environment(self, name: str) -> dict[str, str]:
        """Let Python load what takes numba away, before anything else."""
        if name not in self.lacking:
            return {}
        place = self.settings.home / "without-numba"
        place.mkdir(exist_ok=True)
        (place / "sitecustomize.py").write_text(WITHOUT_NUMBA)
        return {"PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}


@pytest.fixture
def settings(redis_server: RedisServer, redis_url: str, tmp_path: Path, shared_store: Path) -> Settings:
    """A fleet that helps runs soon, and waits for workers as long as a process takes to start, or longer."""
    quick = {"reconcile_seconds": 0.5, "stall_seconds": 1.0, "lease_seconds": 60.0}
    return Settings(home=tmp_path, redis_url=redis_url, store_url=f"file://{shared_store}", **quick)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that keeps the dataset between the tests of this file."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """The connections of the tests themselves."""
    platform = Platform.open(settings)
    yield platform
    platform.close()


def ended_in(stack: Stack, service: str, outcome: str, message: str = "train") -> float:
    """Return how many messages of a service ended in one way."""
    families = text_string_to_metric_families(stack.metrics()[service])
    samples = [sample for family in families if family.name == "phiforge_messages" for sample in family.samples]
    wanted = {"message": message, "outcome": outcome}
    return sum(each.value for each in samples if each.name == "phiforge_messages_total" and each.labels == wanted)


def answers(service: Service) -> bool:
    """Say whether a service takes messages, or is about to."""
    return "metrics on" in service.process.log.read_text()


def refusals(platform: Platform, run: str) -> int:
    """Return how many trainers said that they cannot do the work of ``run``."""
    fields = platform.exchange.redis.hkeys(platform.exchange.key(run, "refusals:training"))
    return sum(field.startswith(b"worker:") for field in fields)


def test_one_that_can_rescues_a_run_and_then_shares_the_fleet(settings: Settings, platform: Platform) -> None:
    # Given a fleet whose two trainers lack the engine of a run, and have said so
    with MixedStack(settings, trainers=2) as stack:
        run = submit(platform, SPEC)
        refusals = platform.exchange.key(run, "refusals:training")
        said = "both refusals"
        wait_until(
            lambda: sum(b"worker:" in each for each in platform.exchange.redis.hkeys(refusals)) == 2, said, stack
        )
        assert platform.record.status(run) == "running"
        # If one joins that has it, I expect the run to be completed by it alone,
        stack.start("trainer", 2)
        assert wait_for_end(platform, run) == "complete"
        # and the next, with all three there from the start, to come to the same φ at every version.
        again = submit(platform, SPEC)
        assert wait_for_end(platform, again) == "complete"
        for service in ("trainer-0", "trainer-1"):
            assert ended_in(stack, service, "incapable") > 0
            assert ended_in(stack, service, "failed") == 0
        assert ended_in(stack, "trainer-2", "published") > 0
        assert ended_in(stack, "trainer-2", "incapable") == 0
        stack.check()
    assert hashes(platform, run) == hashes(platform, again)
    assert list(hashes(platform, run)) == list(range(1, 21))
    assert verify(platform, run, 20).differences == []


def test_a_run_that_no_trainer_can_do_fails_with_what_they_lack(settings: Settings) -> None:
    # Given a fleet whose two trainers lack the engine of one run, and not that of another
    platform = Platform.open(settings.model_copy(update={"lease_seconds": 2.0}))
    with MixedStack(platform.settings, trainers=2) as stack:
        other = submit(platform, small_spec(numerics={"engine": "torch"}))
        run = submit(platform, SPEC)
        # If nobody joins that has it
        assert wait_for_end(platform, run) == "failed"
        # I expect the run to fail, once, with what they lack and how to submit it,
        lacking = "this worker lacks engine 'fused': it needs numba, which is not installed"
        assert platform.record.end_reason(run, "failed") == (
            f"no trainer of this fleet can do its work: 2 on cpu with engines torch, vmap: {lacking}; "
            "submit again with numerics.engine=torch"
        )
        # the other run to be completed by them, at the end of which no message is left to go round.
        assert wait_for_end(platform, other) == "complete"
        wait_until(lambda: not platform.exchange.waiting(platform.queue.name("training")), "an empty queue", stack)
        assert sum(ended_in(stack, service, "failed") for service in stack.lacking) == 1
        stack.check()
    platform.close()


def test_a_worker_alone_with_what_it_cannot_do_stands_back(settings: Settings, platform: Platform) -> None:
    # Given a trainer alone with a run whose engine it lacks, and a lease that does not end soon
    with MixedStack(settings, trainers=1) as stack:
        wait_until(lambda: all(answers(service) for service in stack.services), "services", stack)
        run = submit(platform, SPEC)
        wait_until(lambda: ended_in(stack, "trainer-0", "incapable") > 20, "refusals", stack)
        # If it is left with that for some seconds, I expect it to look at its messages a few times, not without end,
        before, started = ended_in(stack, "trainer-0", "incapable"), time.monotonic()
        time.sleep(3)
        refused, seconds = ended_in(stack, "trainer-0", "incapable") - before, time.monotonic() - started
        waiting = platform.exchange.waiting(platform.queue.name("training"))
        assert 0 < refused < 5 * (waiting + 1) * seconds
        # and to do what it can do all the same.
        other = submit(platform, small_spec(numerics={"engine": "torch"}, outer={"versions": 2}))
        assert wait_for_end(platform, other) == "complete"
        assert platform.record.status(run) == "running"
        stack.check()
