"""One fleet and one complete run, for all who write and read them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.waiting.wish import Wish
from phiforge_client.submission import submit
from tests.fleet import command_line, fleet, small_spec, wait_for_end

Phiforge = Callable[..., Result]


@pytest.fixture(scope="package")
def settings(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("fleet"), redis_url=redis_server.url, namespace="exporting")


@pytest.fixture(scope="package")
def platform(settings: Settings) -> Iterator[Platform]:
    with fleet(settings) as platform:
        yield platform


@pytest.fixture(scope="package")
def run(platform: Platform) -> str:
    """A complete run of images, with a label."""
    run = submit(platform, small_spec(), wish=Wish(labels=(("exp", "a"),)))
    assert wait_for_end(platform, run) == "complete"
    return run


@pytest.fixture
def phiforge(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Phiforge:
    return command_line(settings, monkeypatch, tmp_path)
