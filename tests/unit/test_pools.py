"""What a sampler keeps in memory is bounded in bytes, and what it draws does not depend on the bound."""

import numpy as np
import pytest

from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.pool import Pool
from phiforge_sampler.pools import Pools

IMAGES, SIDE = 6, 4
SIZE = IMAGES * SIDE * SIDE


def dataset(seed: int = 0) -> Dataset:
    images = np.random.default_rng(seed).integers(0, 256, (IMAGES, 1, SIDE, SIDE), dtype=np.uint8)
    return Dataset("any", images, (SourceClass("a", 0, IMAGES),), {"train": (TaskClass(0, 0),)})


@pytest.mark.parametrize("copies", [0, 1, 2, 5, 8])
def test_images_are_the_same_whatever_fits(copies: int) -> None:
    # Given room for as many copies of a dataset, and images of every turn, mirrored or not
    pool = Pool(dataset(), limit_bytes=copies * SIZE)
    turns = np.arange(8) % 8
    origin = np.stack([np.arange(8) % IMAGES, turns], axis=1)[None].astype(np.int32)
    # I expect what one gets who turns each by itself, however often it is asked, and no more bytes than that.
    for _ in range(2):
        for number, turn, found in zip(*origin[0].T, pool.images(origin)[0], strict=True):
            expected = np.rot90(pool.dataset.images[number], turn % 4, axes=(1, 2))
            assert np.array_equal(found, np.flip(expected, axis=2) if turn >= 4 else expected)
        assert pool.nbytes <= max(copies, 1) * SIZE


def test_what_was_used_longest_ago_goes() -> None:
    # Given room for two datasets
    loaded: list[str] = []

    def load(digest: str) -> Pool:
        loaded.append(digest)
        return Pool(dataset(), limit_bytes=2 * SIZE)

    pools = Pools(load, limit_bytes=2 * SIZE)
    # If three are used, the first once more before the third, I expect the second to be gone.
    for digest in ("one", "two", "one", "three"):
        pools(digest)
    assert ("one" in pools, "two" in pools, "three" in pools) == (True, False, True)
    assert loaded == ["one", "two", "three"]
    # If one of them grows, I expect the other to go,
    pools("one").images(np.array([[[0, 1]]], dtype=np.int32))
    pools("one")
    assert "three" not in pools
    assert pools.nbytes <= 2 * SIZE


def test_one_that_is_too_large_is_kept_alone() -> None:
    # Given datasets larger than all the room, I expect the newest to be kept, once, and no other.
    pools = Pools(lambda digest: Pool(dataset(), limit_bytes=1), limit_bytes=1)
    first = pools("one")
    assert pools("one") is first
    pools("two").images(np.array([[[0, 3]]], dtype=np.int32))
    assert "one" not in pools
    assert pools.nbytes == SIZE
