"""A fleet searches an architecture, reports what was found, and trains that from φ₀."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phiforge.base.errors import RunError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.record import RunStatus
from phiforge_client.cells.searched import found_spec, in_words
from phiforge_client.stack import Stack
from phiforge_client.submission import cancel, submit
from phiforge_client.verification import verify
from tests.fleet import small_spec, wait_for_end

pytestmark = pytest.mark.services

NETWORK = {"name": "relaxed_cell", "channels": 4, "stages": 2}
LEARNER = {"name": "meta_nas", "adapts": "weights", "temperature_last": 0.5, "network": NETWORK}
GROUPS = [{"pattern": "architecture.*", "lr": 0.1}, {"pattern": "head.*", "lr": 0.01}]


@pytest.fixture(scope="module")
def platform(redis_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One fleet of two trainers for this file."""
    home: Path = tmp_path_factory.mktemp("fleet")
    settings = Settings(home=home, redis_url=redis_server.url, namespace="architectures", stall_seconds=1.0)
    platform = Platform.open(settings)
    with Stack(settings, trainers=2):
        yield platform
    platform.close()


@pytest.fixture(scope="module")
def searched(platform: Platform) -> str:
    """A completed search by DARTS."""
    outer = {"versions": 6, "groups": GROUPS}
    run = submit(platform, spec_of(estimator={"name": "darts"}, outer=outer, learner=LEARNER))
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    return run


def spec_of(**changes: Any) -> dict[str, Any]:
    return small_spec(evaluation={"every": 6}, **changes)


def test_what_was_found_is_trained(platform: Platform, searched: str) -> None:
    # Given a search that is over, I expect its report to say each edge, and a spec that trains the discrete network
    report = platform.record.report(searched)
    assert set(report["architecture"]["edges"]["normal"]) == {"0-1", "0-2", "1-2"}
    assert searched in in_words(report)
    found = found_spec(platform.record, searched)
    assert found["learner"]["name"] == "maml"
    assert found["estimator"] == {"name": "backpropagation"}
    assert found["outer"]["groups"] == GROUPS[1:]
    assert "inner_steps_evaluation" not in found["learner"]
    # to be taken by a fleet as it is.
    run = submit(platform, found)
    assert wait_for_end(platform, run) is RunStatus.COMPLETE
    trained = platform.record.report(run)
    assert "architecture" not in trained
    assert trained["parameters"] < report["parameters"]


def test_it_comes_out_again_to_the_bit(platform: Platform, searched: str) -> None:
    # Given a search by two trainers, if it is computed again by one process, I expect the same hashes.
    found = verify(platform, searched, every=True)
    assert found.differences == []


def test_what_searched_nothing_has_found_nothing(platform: Platform) -> None:
    # Given a run without an architecture, I expect to be told what has one;
    plain = submit(platform, spec_of(outer={"versions": 1}))
    assert wait_for_end(platform, plain) is RunStatus.COMPLETE
    with pytest.raises(RunError, match="relaxed_cell"):
        found_spec(platform.record, plain)
    # given one that was cancelled, where to look.
    cancelled = submit(platform, spec_of(outer={"versions": 100_000}, learner=LEARNER))
    cancel(platform, cancelled)
    with pytest.raises(RunError, match="cancelled"):
        found_spec(platform.record, cancelled)
