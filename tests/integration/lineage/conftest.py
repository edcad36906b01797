"""A fleet's connections with no service anywhere, and one run that is trained once for every file here."""

import uuid
from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.servers import RedisServer
from phiforge_client.submission import submit
from tests.integration.lineage.runs import move, spec_of


@pytest.fixture(scope="package")
def platform(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A fleet's connections, with no service anywhere."""
    namespace = f"lineage-{uuid.uuid4().hex[:8]}"
    platform = Platform.open(
        Settings(home=tmp_path_factory.mktemp("lineage"), redis_url=redis_server.url, namespace=namespace)
    )
    yield platform
    platform.close()


@pytest.fixture(scope="package")
def trained(platform: Platform) -> str:
    """A run whose training is over; tests must leave it as it is."""
    run = submit(platform, spec_of())
    move(platform, run)
    return run


@pytest.fixture
def run(platform: Platform) -> str:
    """A run of its own, at version 0."""
    return submit(platform, spec_of())
