"""A fleet's connections with no service anywhere, leases that are short, and a run that needs no dataset."""

from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge_client.submission import submit
from tests.badinput.conftest import waves

LEASE_SECONDS = 0.4


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    """A fleet's connections."""
    platform = Platform.open(settings.model_copy(update={"lease_seconds": LEASE_SECONDS}))
    yield platform
    platform.close()


@pytest.fixture
def run(platform: Platform) -> str:
    """A run of sinusoids at its first version."""
    return submit(platform, waves())
