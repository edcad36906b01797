"""The doctor at real servers."""

import pytest
import redis

from phiforge.base.settings import Settings
from phiforge_client.doctor import servers
from phiforge_client.doctor.finding import State

pytestmark = pytest.mark.services


def test_servers_that_are_well(s3_settings: Settings) -> None:
    # Given a real Redis and a real S3 server, if they are looked at, I expect all to be well, and their versions.
    found = [*servers.redis(s3_settings), *servers.store(s3_settings)]
    assert {each.state for each in found} == {State.OK}
    assert {"Redis", "clock of Redis", "object storage", "clock of S3"} <= {each.what for each in found}


def test_a_redis_that_may_forget(settings: Settings, redis_url: str) -> None:
    # Given a Redis that drops keys when its memory is full, I expect a warning that says what to set.
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            [found] = [each for each in servers.redis(settings) if each.what == "Redis memory"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert found.state is State.WARN
    assert "noeviction" in found.do
