"""What tests of single transitions start from: connections to a real Redis, and a dataset that is drawn once a file."""

from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.store import LocalStore
from phiforge_client.submission import submit
from phiforge_sampler.service import Sampler
from tests.fleet import small_spec


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store that keeps the dataset between the tests of this file."""
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture
def platform(settings: Settings, shared_store: LocalStore) -> Iterator[Platform]:
    """A fleet's connections, with no service anywhere."""
    platform = Platform.open(settings.model_copy(update={"store_url": shared_store.url}))
    yield platform
    platform.close()


@pytest.fixture
def run(platform: Platform) -> str:
    """A run whose first two versions have their episodes."""
    run = submit(platform, small_spec())
    for version in range(2):
        Sampler(platform).sample_training(run, version, sent_at=0)
    return run
