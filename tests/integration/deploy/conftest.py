"""The compose file, and Prometheus' own checker."""

import shutil
from typing import Any

import pytest

from tests.integration.deploy.files import ROOT, read
from tests.servers import require


@pytest.fixture(scope="module")
def promtool() -> str:
    return require(shutil.which("promtool"), "there is no promtool on PATH: apt-get install prometheus")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(read(ROOT / "docker-compose.yml"))
