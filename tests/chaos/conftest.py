"""One platform on a real Redis and a real S3 server for all chaos tests, so that the dataset is drawn once."""

import uuid
from collections.abc import Iterator

import pytest

from client.servers import RedisServer, S3Server
from phiforge.platform import Platform
from phiforge.settings import Settings


@pytest.fixture(scope="package")
def platform(
    redis_server: RedisServer, s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A fleet's connections; its services are each test's to start, kill and start again."""
    name = f"chaos-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        home=tmp_path_factory.mktemp(name),
        redis_url=redis_server.url,
        namespace=name,
        store_url=f"s3://{name}",
        s3_endpoint=s3_server.endpoint,
        s3_access_key=s3_server.access_key,
        s3_secret_key=s3_server.secret_key,
        reconcile_seconds=0.5,
        stall_seconds=1.0,
    )
    platform = Platform.open(settings)
    yield platform
    platform.close()
