"""An average of φ is kept, restored, verified and branched as the optimiser's state is, and φ stays as it was."""

from typing import Any

import pytest

from phiforge.fleet.platform import Platform
from phiforge.learning.optimizers import AVERAGE, kept
from phiforge.learning.tensors import fingerprint, without_prefix
from phiforge.prediction.again import judge_again
from phiforge.prediction.opening import learned_of
from phiforge.runs.reconcile import reconcile
from phiforge_client.branching import branch
from phiforge_client.submission import submit
from phiforge_client.verification import verify
from tests.integration.lineage.runs import VERSIONS, log_of, move, spec_of
from tests.unit.test_averaging import by_formula, near

pytestmark = pytest.mark.services

DECAY = 0.8


def averaged(**changes: Any) -> dict[str, Any]:
    """Return a small spec that keeps an average, with a checkpoint of every version."""
    outer = {"versions": VERSIONS, "meta_batch": 8, "job_size": 2, "average": {"decay": DECAY}}
    return spec_of(**{"outer": outer, "checkpoint": {"every": 1}} | changes)


@pytest.fixture(scope="module")
def run(platform: Platform) -> str:
    """A run with an average whose training is over; tests must leave it as it is."""
    run = submit(platform, averaged())
    move(platform, run)
    return run


def test_the_average_is_that_of_all_versions(platform: Platform, run: str, trained: str) -> None:
    # Given the checkpoints of all versions
    checkpoints = [platform.checkpoints.load(run, version) for version in range(1, VERSIONS + 1)]
    # Expect in each the average of those up to it, computed again from their φ,
    for place, checkpoint in enumerate(checkpoints):
        expected = by_formula([each.phi for each in checkpoints[: place + 1]], DECAY)
        assert near(without_prefix(AVERAGE, checkpoint.optimizer), expected)
    # and φ of every version to be that of a run without an average, to the bit.
    assert [each["phi_hash"] for each in log_of(platform, run)] == [
        each["phi_hash"] for each in log_of(platform, trained)
    ]


def test_it_is_verified(platform: Platform, run: str) -> None:
    # Given the run, If all of its versions are computed again, Expect the hashes of the log, which hold the average.
    assert verify(platform, run, every=True).differences == []


def test_it_comes_back_after_redis_lost_all(platform: Platform, run: str) -> None:
    # Given a run of the same spec, with checkpoints now and then, that is cut short
    again = submit(platform, averaged(checkpoint={"every": 3}))
    move(platform, again, 5)
    # If Redis forgets it, and it is restored and goes on
    platform.exchange.forget(again)
    reconcile(platform, again)
    move(platform, again)
    # Expect the same φ and the same average as of a run that nobody disturbed, to the bit, at every version.
    hashes = [[(each["phi_hash"], each["optimizer_hash"]) for each in log_of(platform, name)] for name in (run, again)]
    assert hashes[0] == hashes[1]


def test_branches(platform: Platform, run: str, trained: str) -> None:
    # Given branches without a change, without the average, with another optimiser, and with one where there was none
    same = branch(platform, run, 3)
    without = branch(platform, run, 3, ["outer.average=null"])
    other = branch(platform, run, 3, ["outer.optimizer={name: sgd}"])
    begun = branch(platform, trained, 3, ["outer.average={decay: 0.5}"])
    for each in (same, without, other, begun):
        move(platform, each)
        assert verify(platform, each, every=True).differences == []
    # Expect the first to come to the same average, and the second to none;
    assert log_of(platform, same) == log_of(platform, run)[3:]
    assert not kept(platform.checkpoints.load(without, VERSIONS).optimizer)
    # the third to go on with the one it had, the last to begin after the version it left at.
    before, found = platform.checkpoints.load(run, 3), platform.checkpoints.load(other, 3)
    assert fingerprint(kept(found.optimizer)) == fingerprint(kept(before.optimizer))
    first = branch(platform, trained, 7, ["outer.average={decay: 0.5}"])
    move(platform, first)
    end = platform.checkpoints.load(first, VERSIONS)
    assert near(without_prefix(AVERAGE, end.optimizer), by_formula([end.phi]))


def test_what_is_used_is_the_average(platform: Platform, run: str) -> None:
    # Given the run, If its last version is opened, Expect its average, and φ where that is asked for.
    checkpoint = platform.checkpoints.load(run, VERSIONS)
    learned = learned_of(platform.record, platform.run(run), VERSIONS)
    assert learned.phi_hash == fingerprint(without_prefix(AVERAGE, checkpoint.optimizer)) != checkpoint.phi_hash
    changed = ["evaluation.validation_tasks=20"]
    by_average = judge_again(platform.store, run, changed, version=VERSIONS)
    by_phi = judge_again(platform.store, run, [*changed, "outer.average.judged=false"], version=VERSIONS)
    assert by_average.scores["loss"].mean != by_phi.scores["loss"].mean
