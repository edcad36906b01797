"""Clocks that jump."""

import pytest

from client.chaos.clocks import faketime_library
from client.chaos.stage import Stage
from tests.chaos.conftest import Disturb
from tests.servers import require

pytestmark = pytest.mark.services


def test_of_redis(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run
    # If the clock of Redis jumps by seconds and by hours, ahead and back, I expect the same φ at every version.
    disturb(on_folder, *["jump-redis-clock"] * 4, apart=10)


def test_of_services(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run and services whose clocks can be set
    library = faketime_library()
    require(library and str(library), "there is no libfaketime: apt-get install libfaketime")
    # If the clocks of a trainer and of a sampler jump by hours, I expect the same.
    disturb(on_folder, "jump-clocks")
