"""A fleet that has no service yet: nothing moves by itself, so that a test says when anything does."""

from collections.abc import Iterator

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform

__all__ = ["idle_platform"]


@pytest.fixture(name="platform")
def idle_platform(settings: Settings) -> Iterator[Platform]:
    """The connections of that fleet."""
    platform = Platform.open(settings)
    yield platform
    platform.close()
