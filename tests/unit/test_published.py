"""Published datasets: what is read is what was written, to the bit, or it is an error."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import FormatError, MissingObjectError
from phiforge.runs import datasets as published
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass

DATASET = Dataset(
    name="tiny",
    images=np.random.default_rng(0).integers(0, 256, (11, 2, 3, 4), np.uint8),
    classes=(SourceClass("α", 0, 4), SourceClass("b", 4, 2), SourceClass("c", 6, 3), SourceClass("d", 9, 2)),
    splits={
        "train": (TaskClass(0, 0), TaskClass(0, 3), TaskClass(2, 0)),
        "validation": (TaskClass(3, 1),),
        "test": (TaskClass(1, 0),),
    },
    source={"file": "0123"},
)
SHARDS = 3


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A store with the dataset alone, its root, digest and objects; four images a shard, so that there are several."""
    root = tmp_path_factory.mktemp("store")
    store = LocalStore(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "SHARD_BYTES", 4 * DATASET.images[0].nbytes + 1)
        digest = published.publish(DATASET, store)
        yield SimpleNamespace(root=root, store=store, digest=digest, objects=objects(store), index=index_key(digest))


def index_key(digest):
    return f"datasets/{digest}/index.json"


def objects(store):
    return {key: store.get(key) for key in store.list("")}


@contextmanager
def changed(store, key, value):
    """Put ``value`` in the place of what ``key`` holds, or remove it; then put it back."""
    before = store.get(key)
    store.delete(key) if value is None else store.put(key, value)
    try:
        yield
    finally:
        store.put(key, before)


def flipped(value, bit):
    """Return ``value`` with one bit flipped."""
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_what_is_published_is_loaded(written):
    # Given a dataset of several shards, the last of them not full
    assert len(written.objects) == SHARDS + 1
    # If it is loaded
    found = published.load(written.digest, written.store)
    # I expect the same images, classes and splits, of the same types.
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, DATASET.images)
    for name in ("name", "classes", "splits", "source"):
        assert getattr(found, name) == getattr(DATASET, name)
    assert isinstance(found.classes[0], SourceClass)
    assert isinstance(found.splits["train"][0], TaskClass)


def test_facts_are_those_of_the_dataset(written, tmp_path):
    # Given a store with nothing but the index of a dataset
    store = LocalStore(tmp_path)
    store.put(written.index, written.objects[written.index])
    # If its facts are loaded, I expect what the dataset itself says.
    assert published.load_facts(written.digest, store) == published.Facts(
        digest=written.digest,
        input_shape=DATASET.image_shape,
        classes={split: len(classes) for split, classes in DATASET.splits.items()},
        drawings={split: DATASET.drawings(split) for split in DATASET.splits},
    )


def test_the_digest_is_that_of_the_content(written, tmp_path):
    # Given the same dataset, its images laid out otherwise in memory and its splits in another order
    same = replace(DATASET, images=np.asfortranarray(DATASET.images), splits=dict(reversed(DATASET.splits.items())))
    # If it is published to another store, I expect the same digest and the same objects.
    store = LocalStore(tmp_path)
    assert published.publish(same, store) == written.digest
    assert objects(store) == written.objects


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"images": DATASET.images ^ np.eye(3, 4, dtype=np.uint8)},
        {"images": DATASET.images.reshape(11, 2, 4, 3)},
        {"classes": (*DATASET.classes[:3], SourceClass("e", 9, 2))},
        {"splits": {**DATASET.splits, "test": (TaskClass(1, 1),)}},
        {"source": {"file": "0124"}},
        {"files": ["α/1.png"] * 11},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_dataset_has_another_digest(written, tmp_path, change):
    # Given a dataset that differs in one thing, I expect another digest.
    assert published.publish(replace(DATASET, **change), LocalStore(tmp_path)) != written.digest


def test_published_twice(written):
    # Given a published dataset
    def files():
        paths = [path for path in written.root.rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    before = files()
    assert len(before) == SHARDS + 1
    # If it is published again
    assert published.publish(DATASET, written.store) == written.digest
    # I expect that nothing was written, not even the same again.
    assert files() == before
    assert objects(written.store) == written.objects


def test_datasets_share_shards(tmp_path, written):
    # Given two datasets that have the same images and other splits
    store = LocalStore(tmp_path)
    other = replace(DATASET, splits={**DATASET.splits, "test": (TaskClass(1, 1),)})
    # If both are published
    digests = [published.publish(each, store) for each in (DATASET, other)]
    # I expect two indices, the shards once, and each dataset as it is.
    assert len(list(store.list("datasets/shards/"))) == SHARDS
    assert len(list(store.list(""))) == SHARDS + 2
    assert [published.load(digest, store).splits for digest in digests] == [DATASET.splits, other.splits]


@given(data=st.data())
def test_a_flipped_bit_in_a_shard(written, data):
    # Given a shard of which any one bit is flipped
    key = data.draw(st.sampled_from([key for key in written.objects if key != written.index]))
    bit = data.draw(st.integers(0, 8 * len(written.objects[key]) - 1))
    damaged = f"image shard {key.rpartition('/')[2]} is damaged"
    # If the dataset is loaded, I expect an error that names the shard.
    with (
        changed(written.store, key, flipped(written.objects[key], bit)),
        pytest.raises(FormatError, match=damaged),
    ):
        published.load(written.digest, written.store)


@given(data=st.data())
def test_a_flipped_bit_in_the_index(written, data):
    # Given an index of which any one bit is flipped
    value = written.objects[written.index]
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    with changed(written.store, written.index, flipped(value, bit)):
        # If the dataset or its facts are loaded, I expect an error that names it.
        for load in (published.load, published.load_facts):
            with pytest.raises(FormatError, match=f"the index of dataset {written.digest} is damaged"):
                load(written.digest, written.store)


@given(data=st.data())
def test_an_object_that_is_cut_short(written, data):
    # Given an index or shard that lacks some of its end, or all
    key = data.draw(st.sampled_from(list(written.objects)))
    length = data.draw(st.integers(0, len(written.objects[key]) - 1))
    # If the dataset is loaded, I expect an error.
    with (
        changed(written.store, key, written.objects[key][:length]),
        pytest.raises(FormatError, match="is damaged"),
    ):
        published.load(written.digest, written.store)


def test_an_object_that_is_missing(written):
    # Given a dataset that lacks its index or one of its shards
    for key in written.objects:
        # If it is loaded, I expect an error that names what is missing.
        with changed(written.store, key, None), pytest.raises(MissingObjectError, match=key):
            published.load(written.digest, written.store)


def test_a_dataset_that_was_never_published(tmp_path):
    # Given an empty store, if a dataset or its facts are loaded, I expect an error.
    for load in (published.load, published.load_facts):
        with pytest.raises(MissingObjectError, match=index_key("f" * 64)):
            load("f" * 64, LocalStore(tmp_path))
