"""Two fleets for all chaos tests, one on a folder and one on S3, and what their runs must equal."""

from collections.abc import Callable, Iterator

import pytest

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge_client.chaos.campaign import Disturbed, Reference, disturbed, undisturbed
from phiforge_client.chaos.schedule import Injection
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.stage import Stage, own_stage
from phiforge_client.servers import redis_binary, weed_binary
from tests.servers import missing

VERSIONS = 60
TRAINERS = 3
SEED = 0
OUTAGE_SECONDS = 2.0
MOST_STILL_SECONDS = 45.0
"""What the watchdog allows. Recovery itself takes a second or two here: the rest is for a machine that runs other tests
beside these while six processes start."""

Disturb = Callable[..., Disturbed]


@pytest.fixture(scope="package")
def on_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A fleet of three trainers whose store is a folder."""
    yield from _stage(tmp_path_factory, use_s3=False)


@pytest.fixture(scope="package")
def on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A fleet of three trainers whose store is an S3 server behind a fault proxy."""
    yield from _stage(tmp_path_factory, use_s3=True)


@pytest.fixture(scope="package")
def reference(on_folder: Stage) -> Reference:
    """φ's hash at every version, from a run that nothing happened to."""
    return undisturbed(on_folder, small_run(VERSIONS), MOST_STILL_SECONDS)


@pytest.fixture
def disturb(reference: Reference) -> Disturb:
    """Let faults of some kinds befall a run, one after the other, and expect it to end as if nothing had happened."""

    def disturb(stage: Stage, *kinds: str, first: int = 5, apart: int = 5) -> Disturbed:
        injections = [Injection(first + apart * index, kind) for index, kind in enumerate(kinds)]
        crashes = len(stage.own.crashes())
        found = disturbed(stage, small_run(VERSIONS), injections, reference, MOST_STILL_SECONDS)
        assert found.verdict.equal, found.verdict
        assert [each.kind for each in found.faults] == list(kinds), "the run was over before every fault"
        assert stage.own.crashes()[crashes:] == [], "a service ended that nobody killed"
        return found

    return disturb


def _stage(tmp_path_factory: pytest.TempPathFactory, use_s3: bool) -> Iterator[Stage]:
    try:
        redis_binary()
        weed_binary()
    except ServiceError as error:
        missing(str(error))
    settings = Settings(home=tmp_path_factory.mktemp("chaos"), reconcile_seconds=0.5, stall_seconds=1.0)
    with own_stage(settings, TRAINERS, SEED, OUTAGE_SECONDS, use_s3) as stage:
        yield stage
