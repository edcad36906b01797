"""What `phiforge rm` takes away, and what it leaves."""

import pytest

from phiforge.base.errors import RunError
from phiforge.fleet.platform import Platform
from phiforge_client.branching import branch
from phiforge_client.removal import removable, remove
from phiforge_client.steering import cancel
from phiforge_client.submission import submit
from tests.fleet import small_spec

pytestmark = pytest.mark.services


def keys(platform: Platform) -> set[str]:
    return set(platform.store.list(""))


def test_all_of_a_run_goes_and_nothing_else(platform: Platform) -> None:
    # Given a run, and another one of the same dataset that is over
    stays = submit(platform, small_spec())
    before = keys(platform)
    goes = submit(platform, small_spec(seed=1))
    cancel(platform, goes)
    # If that is removed, I expect all that came with it to be gone, in Redis too, and nothing of the other's.
    assert remove(platform, *removable(platform, [goes])) > 0
    assert keys(platform) == before
    assert not [key for key in platform.exchange.redis.scan_iter("*") if goes.encode() in key]
    assert platform.record.runs() == [stays]


def test_a_run_that_goes_on_stays(platform: Platform) -> None:
    # Given one that is over and one that is not, if both are to go, I expect neither to, and to be told which and why.
    over, going = submit(platform, small_spec()), submit(platform, small_spec(seed=1))
    cancel(platform, over)
    with pytest.raises(RunError, match=f"nothing was removed: {going} is not over; `phiforge cancel {going}`"):
        removable(platform, [over, going])
    assert set(platform.record.runs()) == {over, going}


def test_a_run_that_others_branched_from_stays_unless_they_go_too(platform: Platform) -> None:
    # Given a branch
    parent = submit(platform, small_spec())
    child = branch(platform, parent, 0, ["outer.lr=0.01"])
    for run in (parent, child):
        cancel(platform, run)
    # I expect its parent to stay as long as it does
    with pytest.raises(RunError, match=f"{parent} is needed by {child}"):
        removable(platform, [parent])
    # and both to go together.
    assert removable(platform, [parent, child]) == [parent, child]
    assert removable(platform, [child]) == [child]


def test_a_removal_that_breaks_off_can_be_done_again(platform: Platform) -> None:
    # Given a removal that ends after each of its deletions in turn
    run = submit(platform, small_spec())
    cancel(platform, run)
    delete, left = platform.store.delete, [0]

    def break_off(key: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        delete(key)

    for after in range(100):
        left[0] = after
        platform.store.delete = break_off  # type: ignore[method-assign]
        try:
            remove(platform, run)
            break
        except KeyboardInterrupt:
            platform.store.delete = delete  # type: ignore[method-assign]
        # I expect a run that is over still and can be removed, or none.
        if not platform.record.is_submitted(run):
            break
        assert removable(platform, [run]) == [run]
    assert platform.record.runs() == []
