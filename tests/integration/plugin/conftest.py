"""The package of one part of each kind, installed once, and fleets that have it."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from phiforge.base.settings import Settings
from phiforge_client.servers import RedisServer
from tests.integration.plugin.tiny import install


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed in; nothing of it is seen by the tests themselves."""
    folder = tmp_path_factory.mktemp("site")
    install(tmp_path_factory.mktemp("source") / "plugin", folder)
    return folder


@pytest.fixture(scope="module")
def settings(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A fleet of each file's own."""
    return Settings(
        home=tmp_path_factory.mktemp("tiny"),
        redis_url=redis_server.url,
        namespace=f"tiny-{uuid.uuid4().hex[:12]}",
        reconcile_seconds=0.5,
        stall_seconds=1.0,
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[[object], str]:
    """Writes a spec to a file."""

    def write(spec: object) -> str:
        path = tmp_path / "spec.yaml"
        path.write_text(yaml.safe_dump(spec))
        return str(path)

    return write
