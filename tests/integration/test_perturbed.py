"""What learners draw for features and images is named by seeds: φ is the same on one trainer as on two."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from tests.fleet import fleet, hashes, small_spec, wait_for_end

pytestmark = pytest.mark.services

NETWORK = {"name": "conv4", "channels": 4}
LEARNERS = {
    "meta_dropout": {"name": "meta_dropout", "inner_steps": 2, "draws_evaluation": 2, "network": NETWORK},
    "augmented_maml": {"name": "augmented_maml", "copies": 2, "network": NETWORK},
    "augmented_prototypical": {"name": "augmented_prototypical", "network": NETWORK},
}


@pytest.fixture(scope="module", params=[1, 2])
def platform(request: Any, redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A fleet of one trainer, then of two, with all else their own."""
    home: Path = tmp_path_factory.mktemp("fleet")
    settings = Settings(home=home, redis_url=redis_server.url, namespace=f"perturbed-{request.param}")
    with fleet(settings, trainers=request.param) as platform:
        yield platform


FOUND: dict[str, dict[int, str]] = {}
"""Of each learner the hashes of every version, by the fleet that came first."""


@pytest.mark.parametrize("name", LEARNERS)
def test_the_fleet_changes_nothing(platform: Platform, name: str) -> None:
    # Given a learner that draws, on a fleet
    run = submit(platform, small_spec(learner=LEARNERS[name], outer={"versions": 4}, evaluation={"every": 4}))
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    # I expect every version to have the hash that it has on another fleet, and when it is computed again.
    found = hashes(platform, run)
    assert FOUND.setdefault(name, found) == found
    assert sorted(found) == [1, 2, 3, 4]
    assert verify(platform, run, every=True).differences == []
