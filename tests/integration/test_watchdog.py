"""The watchdog barks: at a run that stands still, goes back for nothing, or shows two φ."""

import time
from collections.abc import Iterator

import pytest

from phiforge.base.errors import ServiceError
from phiforge.fleet.platform import Platform
from phiforge_client.chaos.spec import small_run
from phiforge_client.chaos.verdict import judge
from phiforge_client.chaos.watchdog import Watchdog
from phiforge_client.submission import cancel, submit

pytestmark = pytest.mark.services


@pytest.fixture
def watchdog(platform: Platform) -> Iterator[Watchdog]:
    """Watches a run, with a patience of a fifth of a second."""
    watchdog = Watchdog(platform, submit(platform, small_run(versions=20)), patience_seconds=0.2)
    yield watchdog
    watchdog.close()


def change(platform: Platform, watchdog: Watchdog, **fields: str | int) -> None:
    platform.exchange.redis.hset(f"{platform.settings.namespace}:{{{watchdog.run}}}:state", mapping=fields)


def bark(watchdog: Watchdog) -> str:
    """Look until the watchdog barks, and return what it says."""
    for _ in range(100):
        try:
            watchdog.look()
        except ServiceError as error:
            return str(error)
        time.sleep(0.02)
    pytest.fail("the watchdog kept quiet")


def test_at_a_run_that_stands_still(watchdog: Watchdog) -> None:
    # Given a run that nobody moves, I expect a bark, with what may explain it.
    barked = bark(watchdog)
    assert "stood still" in barked
    assert "waiting: {'sampling'" in barked
    assert "episodes missing: [0, 1, 2, 3]" in barked


def test_not_at_a_run_that_is_over(platform: Platform, watchdog: Watchdog) -> None:
    # Given a run that was cancelled, I expect quiet.
    cancel(platform, watchdog.run)
    for _ in range(20):
        watchdog.look()
        time.sleep(0.02)
    assert watchdog.look() == "cancelled"


def test_at_a_run_that_goes_back(platform: Platform, watchdog: Watchdog) -> None:
    # Given a head that goes back once with leave
    change(platform, watchdog, head=5, phi_hash="five")
    watchdog.look()
    watchdog.expect_rewind()
    change(platform, watchdog, head=3, phi_hash="three")
    watchdog.look()
    # If it does so without, I expect a bark.
    change(platform, watchdog, head=2, phi_hash="two")
    assert "went back from version 3 to 2" in bark(watchdog)


def test_at_two_phi_of_one_version(platform: Platform, watchdog: Watchdog) -> None:
    # Given a version that is seen with another φ, I expect a bark.
    change(platform, watchdog, head=5, phi_hash="one")
    watchdog.look()
    change(platform, watchdog, phi_hash="two")
    assert "two φ" in bark(watchdog)


def test_a_verdict_finds_what_differs(platform: Platform, watchdog: Watchdog) -> None:
    # Given a log with a version twice, one missing and one with another φ
    reference = [(version, f"phi{version}") for version in range(1, 21)]
    told = [*reference[:3], reference[2], (4, "other"), *reference[5:]]
    cancel(platform, watchdog.run)
    entries = [f'{{"version":{version},"phi_hash":"{phi_hash}"}}'.encode() for version, phi_hash in told]
    platform.record.append_log(watchdog.run, 20, entries)
    # I expect the verdict to name each.
    verdict = judge(platform, watchdog.run, reference, {7: "other"})
    assert not verdict.equal
    text = "\n".join(verdict.differences)
    for fault in ("it is cancelled", "1, 2, 3, 3, 4, 6", "differs at versions [4]", "while it ran, at versions [7]"):
        assert fault in text
