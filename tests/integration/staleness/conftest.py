"""A fleet's connections with no service anywhere, and a run with all its episodes."""

import uuid
from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.servers import RedisServer
from tests.integration.staleness.steps import sampled, spec_of


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
