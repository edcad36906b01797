"""Branches: without a change they come to the parent's φ; with one they start from it, or are refused."""

import pytest

from phiforge.base.errors import RunError, SpecError
from phiforge.fleet.platform import Platform
from phiforge.learning.tensors import encode
from phiforge_client.branching import branch
from phiforge_client.verification import verify
from phiforge_client.why import where, why
from tests.integration.lineage.runs import CHECKPOINTS, VERSIONS, log_of, move

pytestmark = pytest.mark.services


@pytest.mark.parametrize("at", [3, 5, 8])
def test_a_branch_without_a_change_comes_to_the_same_phi(platform: Platform, trained: str, at: int) -> None:
    # Given a branch at a version with a checkpoint, at one without, or at the end
    new = branch(platform, trained, at)
    parent = platform.run(new).parent
    assert parent
    assert (parent.run, parent.version) == (trained, at)
    # If it is trained
    move(platform, new)
    # I expect the parent's log from there on, to the bit, and its checkpoints;
    assert log_of(platform, new) == log_of(platform, trained)[at:]
    assert platform.record.checkpoints(new) == sorted({at} | {each for each in CHECKPOINTS if each >= at})
    assert platform.checkpoints.load(new, VERSIONS).tasks == VERSIONS * 8
    # and it verified, and its versions before the branch explained by the parent.
    assert verify(platform, new, every=True).differences == []
    assert why(platform, new, 2).run == trained
    item = why(platform, new, 8).jobs[0].episodes[0].support[0]
    assert where(platform, new, item.name).appearances == [
        (trained if each.version <= at else new, each) for _, each in where(platform, trained, item.name).appearances
    ]


def test_a_branch_of_a_branch_with_changes(platform: Platform, trained: str) -> None:
    # Given a branch with another rate and more tasks a version, and one of that
    first = branch(platform, trained, 3, ["outer.lr=0.01", "outer.meta_batch=4", "name=other"])
    move(platform, first, 6)
    second = branch(platform, first, 6, ["outer.versions=7"])
    move(platform, second, 7)
    # I expect another φ, the tasks of all to be counted, and each to be verified.
    assert log_of(platform, first)[0]["phi_hash"] != log_of(platform, trained)[3]["phi_hash"]
    assert platform.checkpoints.load(second, 7).tasks == 3 * 8 + 4 * 4
    assert first.startswith("other-")
    assert verify(platform, second, every=True).differences == []
    assert [why(platform, second, version).run for version in (3, 4, 7)] == [trained, first, second]


def test_another_optimizer_starts_afresh(platform: Platform, trained: str) -> None:
    # Given branches with another kind of optimiser, and with another setting of the same
    fresh = branch(platform, trained, 3, ["outer.optimizer={name: sgd, momentum: 0.5}"])
    same = branch(platform, trained, 3, ["outer.optimizer.beta1=0.8"])
    # I expect a fresh state for the one, and the parent's for the other;
    state = platform.checkpoints.load(fresh, 3).optimizer
    assert {name.split("/")[0] for name in state} == {"momentum"}
    assert not any(value.any() for value in state.values())
    parents = platform.checkpoints.load(trained, 3).optimizer
    carried = platform.checkpoints.load(same, 3).optimizer
    assert encode(carried) == encode(parents)
    # and Adam that begins in the middle to know its first update from its fourth.
    move(platform, fresh, 4)
    move(platform, fresh, 6)
    back = branch(platform, fresh, 6, ["outer.optimizer={name: adam}", "outer.lr=0.001", "outer.clip_norm=null"])
    before = platform.checkpoints.load(back, 6).phi
    move(platform, back)
    after = platform.checkpoints.load(back, 8).phi
    moved = max(float((after[name] - before[name]).abs().max()) for name in after)
    assert 1.8 * 0.001 < moved < 2 * 0.001 * 1.01
    assert verify(platform, back, every=True).differences == []


def test_branches_that_make_no_sense(platform: Platform, trained: str) -> None:
    # Given changes that no φ of the parent fits, that are no valid spec, or versions that are not there
    runs = platform.record.runs()
    with pytest.raises(RunError, match=r"does not fit.* it has .*conv0\.weight \[16, 1, 3, 3\].* needs .*\[8, "):
        branch(platform, trained, 3, ["learner.network.channels=8"])
    with pytest.raises(SpecError, match=r"outer\.job_size: 3 does not divide"):
        branch(platform, trained, 3, ["outer.job_size=3"])
    with pytest.raises(SpecError, match=r"outer\.versions: 2, but the branch starts at version 3"):
        branch(platform, trained, 3, ["outer.versions=2"])
    with pytest.raises(SpecError, match="5000 ways"):
        branch(platform, trained, 3, ["task.n_way=5000"])
    with pytest.raises(RunError, match="has no version 9 in its record; allowed: 0 to 8"):
        branch(platform, trained, 9)
    # I expect an error for each and nothing queued.
    assert platform.record.runs() == runs
