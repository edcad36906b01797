"""One address, two clients: what a run is and what is sent about it lie in the same database of the same Redis."""

from collections.abc import Iterator

import pytest
import redis

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.servers import RedisServer
from phiforge_client.submission import submit
from tests.fleet import small_spec

pytestmark = pytest.mark.services


@pytest.fixture(params=["socket, option", "port, path", "port, option"])
def address(request: pytest.FixtureRequest, redis_server: RedisServer, redis_url: str) -> str:
    """The address of the database 2 of an empty Redis, spelled in each way."""
    ways = {
        "socket, option": f"unix://{redis_server.socket}?db=2",
        "port, path": redis_server.url.removesuffix("/0") + "/2",
        "port, option": redis_server.url.removesuffix("/0") + "?db=2",
    }
    return ways[str(request.param)]


@pytest.fixture
def platform(address: str, settings: Settings) -> Iterator[Platform]:
    """Connections to that database."""
    platform = Platform.open(settings.model_copy(update={"redis_url": address}))
    yield platform
    platform.close()


def test_state_and_messages_lie_in_the_database_that_is_named(platform: Platform, redis_server: RedisServer) -> None:
    # Given an address that names database 2, if a run is submitted
    run = submit(platform, small_spec())
    # I expect its state and its messages in database 2, and nothing in any other.
    found = {number: keys(redis_server, number) for number in range(16)}
    assert any(run in key for key in found[2])
    assert any(key.startswith(platform.queue.name("sampling")) for key in found[2])
    assert platform.queue.waiting("sampling") > 0
    assert {number for number, names in found.items() if names} == {2}


def keys(server: RedisServer, number: int) -> list[str]:
    with redis.Redis(unix_socket_path=str(server.socket), db=number, decode_responses=True) as client:
        return list(client.scan_iter())
