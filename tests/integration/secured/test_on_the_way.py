"""Nobody gets in without a password, nothing is said to another authority's server, nor in the clear."""

from pathlib import Path

import pytest
import redis

from phiforge.base.errors import StoreError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.connection import connect
from phiforge.runs.store import open_store
from phiforge_client.servers import RedisServer, S3Server
from tests.integration.secured.servers import permitted
from tests.secured import SecuredStack, make_secrets

pytestmark = pytest.mark.services


def test_who_has_no_password_may_knock_and_no_more(tls_redis: RedisServer, secrets: Path) -> None:
    # Given nobody's password, I expect nothing to be allowed;
    stranger = redis.Redis.from_url(tls_redis.url, ssl_ca_certs=str(secrets / "ca.crt"))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    # given a health check's user, which needs none, I expect the server's life to be visible and nothing else.
    health = redis.Redis.from_url(tls_redis.url, ssl_ca_certs=str(secrets / "ca.crt"), username="health", password="-")
    assert health.ping()
    for command in (("GET", "phiforge:{other}:state"), ("SCAN", "0"), ("LPUSH", "phiforge.training", "x")):
        assert not permitted(health, *command), command
    stranger.close()
    health.close()


def test_a_server_of_another_authority_is_not_talked_to(
    settings: dict[str, Settings], tmp_path: Path, stack: SecuredStack
) -> None:
    # Given a client that trusts another authority than the one that signed the servers' certificates
    elsewhere = make_secrets(tmp_path / "secrets") / "ca.crt"
    mistrusting = settings["client"].model_copy(update={"redis_ca": elsewhere, "s3_ca": elsewhere})
    # I expect it to send neither password nor request, to say so, and Celery to agree.
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        connect(mistrusting).ping()
    with pytest.raises(StoreError, match="certificate verify failed"):
        open_store(mistrusting)
    trusting = Platform.open(settings["client"])
    queue = type(trusting.queue)(mistrusting, trusting.exchange.waiting)
    with pytest.raises(Exception, match="certificate verify failed"):
        queue.app.connection_for_write().ensure_connection(max_retries=1, timeout=1)
    queue.close()
    trusting.close()


def test_plaintext_to_a_tls_server_gets_no_answer(tls_redis: RedisServer, tls_s3: S3Server) -> None:
    # Given servers that speak TLS, if they are asked in the clear, I expect no answer worth having.
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(tls_redis.url.replace("rediss://", "redis://")).ping()
    with pytest.raises(StoreError):
        open_store(Settings(store_url="s3://phiforge", s3_endpoint=tls_s3.endpoint.replace("https://", "http://")))
