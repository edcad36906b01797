"""A secured fleet of real processes, started once for every file here, and a run that went through its hands."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from phiforge.base.errors import ServiceError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.processes import free_port
from phiforge_client.servers import RedisServer, S3Server, redis_binary, weed_binary
from phiforge_client.submission import cancel, resume, submit
from tests.fleet import small_spec, wait_for_version, wait_until
from tests.integration.secured.servers import BUCKET
from tests.secured import S3_USERS, SecuredStack, make_secrets, settings_of
from tests.servers import missing, running


@pytest.fixture(scope="package")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make secrets` writes."""
    return make_secrets(tmp_path_factory.mktemp("secured") / "secrets")


@pytest.fixture(scope="package")
def tls_redis(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that speaks nothing but TLS and has a user for each service."""
    folder = tmp_path_factory.mktemp("redis")
    server = RedisServer(Path("/tmp") / f"phiforge-tls-{os.getpid()}.sock", folder / "redis.log", free_port(), secrets)
    try:
        with running(server, redis_binary):
            yield server
    except ServiceError as error:
        if "Bad directive" not in str(error):
            raise
        missing("this redis-server was built without TLS: apt-get install redis-server")


@pytest.fixture(scope="package")
def tls_s3(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that speaks nothing but TLS and has a user for each service."""
    folder = tmp_path_factory.mktemp("s3")
    with running(S3Server(folder / "data", folder / "s3.log", secrets=secrets), weed_binary) as server:
        yield server


@pytest.fixture(scope="package")
def common(tls_redis: RedisServer, tls_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What all services have in common: where things are, and no right to anything."""
    return Settings(
        home=tmp_path_factory.mktemp("fleet"),
        redis_url=tls_redis.url,
        store_url=f"s3://{BUCKET}",
        s3_endpoint=tls_s3.endpoint,
        reconcile_seconds=0.5,
        stall_seconds=1.0,
        log_level="DEBUG",
    )


@pytest.fixture(scope="package")
def settings(common: Settings, secrets: Path) -> dict[str, Settings]:
    """Each user's settings."""
    return {user: settings_of(user, common, secrets) for user in S3_USERS}


@pytest.fixture(scope="package")
def platform(settings: dict[str, Settings]) -> Iterator[Platform]:
    """The connections of the person who submits runs."""
    platform = Platform.open(settings["client"])
    yield platform
    platform.close()


@pytest.fixture(scope="package")
def stack(common: Settings, secrets: Path, platform: Platform) -> Iterator[SecuredStack]:
    """One sampler, two trainers and one evaluator, each as itself."""
    with SecuredStack(common, secrets, trainers=2) as stack:
        yield stack


@pytest.fixture(scope="package")
def finished(platform: Platform, stack: SecuredStack) -> str:
    """A run that went through all services' hands: cancelled, resumed, and brought back after Redis lost all of it."""
    run = submit(platform, small_spec())
    wait_for_version(platform, run, 3)
    cancel(platform, run)
    resume(platform, run)
    wait_for_version(platform, run, 8)
    platform.exchange.forget(run)
    wait_until(lambda: platform.record.status(run) == "complete", "the end", stack)
    return run
