"""A Redis that loses all or a second of what it holds, dies, or refuses to write."""

import pytest

from phiforge_client.chaos.stage import Stage
from tests.chaos.conftest import Disturb

pytestmark = pytest.mark.services


@pytest.mark.parametrize("kind", ["wipe-redis", "wipe-namespace"])
def test_wiped(on_folder: Stage, disturb: Disturb, kind: str) -> None:
    # Given a run
    # If Redis is wiped again and again, I expect it to end with the same φ at every version.
    disturb(on_folder, *[kind] * 4, apart=12)


@pytest.mark.parametrize("kind", ["restart-redis-empty", "restart-redis-append-only"])
def test_killed_and_started_again(on_folder: Stage, disturb: Disturb, kind: str) -> None:
    # Given a run
    # If Redis is killed by -9 and comes back with nothing, or with what its append-only file kept, I expect the same.
    disturb(on_folder, kind, first=22)


def test_out_of_memory(on_folder: Stage, disturb: Disturb) -> None:
    # Given a run
    # If Redis refuses every write for a while, I expect the same, and no service to end.
    disturb(on_folder, "refuse-writes")
