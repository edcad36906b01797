"""Fixtures that every test may use: real servers, started once a session, and a clean place on them for each test."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
import torch
from minio import Minio
from xdist.remote import Producer

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.store import LocalStore, S3Store, Store
from phiforge_client.processes import free_port
from phiforge_client.servers import RedisServer, S3Server, redis_binary, weed_binary
from tests.commands import Commands
from tests.dealing import ByFileOrFolder
from tests.drawing import drawing_once
from tests.fleet import side_by_side
from tests.servers import running

torch.set_num_threads(1)  # what the services use: more would change sums, and tests share their cores
hypothesis.settings.register_profile("phiforge", deadline=None)  # a loaded machine is no failure
hypothesis.settings.load_profile("phiforge")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFileOrFolder:
    """Deal out tests by file, or by folder where files share what is made once."""
    return ByFileOrFolder(config, log)


@pytest.fixture(scope="session", autouse=True)
def drawn_once() -> Iterator[None]:
    """Glyphs that are published again, in another store, are not drawn again: seconds each, and the same ever."""
    with drawing_once():
        yield


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """The command line, without the seconds that each command's imports take."""
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis on a port of the loopback and on a socket (whose path must be short)."""
    socket = Path(tempfile.gettempdir()) / f"phiforge-tests-{os.getpid()}.sock"
    server = RedisServer(socket, tmp_path_factory.mktemp("redis") / "redis.log", free_port())
    with running(server, redis_binary):
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS."""
    folder = tmp_path_factory.mktemp("s3")
    with running(S3Server(folder / "data", folder / "s3.log"), weed_binary) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[str]:
    """The name of a bucket that is not there yet; it is removed with all it holds."""
    name = f"test-{uuid.uuid4().hex[:16]}"
    yield name
    host = s3_server.endpoint.removeprefix("http://")
    client = Minio(host, s3_server.access_key, s3_server.secret_key, secure=False)
    if client.bucket_exists(name):
        client.remove_bucket(name)


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store: the test runs once on a folder and once on S3."""
    if request.param == "local":
        return LocalStore(tmp_path / "store")
    server: S3Server = request.getfixturevalue("s3_server")
    return S3Store(server.endpoint, request.getfixturevalue("bucket"), server.access_key, server.secret_key)


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    """A fleet of its own on the real Redis, with a folder as object storage."""
    return Settings(home=tmp_path / "home", redis_url=redis_url, namespace=f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def s3_settings(settings: Settings, s3_server: S3Server, bucket: str) -> Settings:
    """A fleet of its own on the real Redis and the real S3 server."""
    return Settings.model_validate(
        settings.model_dump()
        | {
            "store_url": f"s3://{bucket}",
            "s3_endpoint": s3_server.endpoint,
            "s3_access_key": s3_server.access_key,
            "s3_secret_key": s3_server.secret_key,
        }
    )


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """The connections of a fleet that has no service yet: nothing moves by itself, and no run waits for another."""
    platform = side_by_side(Platform.open(settings))
    yield platform
    platform.close()
