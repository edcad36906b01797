"""Which datasets are published, and what goes with one that is removed."""

from pathlib import Path

import numpy as np
import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.fleet.platform import Platform
from phiforge.runs.datasets import ensure_published, load, publish
from phiforge.runs.published import meant, published, remove
from phiforge.runs.record import Record
from phiforge.runs.store import Store
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.datasets.images import ImagesData
from phiforge_client.steering import cancel
from phiforge_client.submission import submit
from tests.fleet import small_spec
from tests.pictures import draw_classes

pytestmark = pytest.mark.services


def small(name: str) -> Dataset:
    """Return a dataset that shares its images with any other so made."""
    images = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), np.uint8)
    classes = tuple(SourceClass(f"{name}{number}", 3 * number, 3) for number in range(3))
    splits = {split: (TaskClass(number, 0),) for number, split in enumerate(("train", "validation", "test"))}
    return Dataset(name, images, classes, splits)


def test_what_is_shared_stays(store: Store) -> None:
    # Given two datasets of the same images
    one, other = publish(small("one"), store), publish(small("other"), store)
    record = Record(store)
    assert [each.digest for each in published(record)] == [one, other]
    # If one is removed, I expect the other one to be whole
    assert remove(record, meant(published(record), one[:12])) == 1
    assert load(other, store).images.shape == (9, 1, 8, 8)
    # and nothing to be left once that goes too.
    assert remove(record, meant(published(record), other)) == 2
    assert list(store.list("")) == []


def test_a_dataset_that_was_removed_is_published_again(store: Store, tmp_path: Path) -> None:
    # Given a person's pictures that are published and removed
    settings = Settings(home=tmp_path / "home", images=draw_classes(tmp_path / "pictures", classes=6, pictures=3))
    digest = ensure_published(ImagesData(), settings, store, lambda *_: None)
    record = Record(store)
    remove(record, meant(published(record), digest))
    assert list(store.list("")) == []
    # If they are wanted again, I expect the same dataset, whole.
    assert ensure_published(ImagesData(), settings, store, lambda *_: None) == digest
    assert len(load(digest, store).images) == 18


def test_a_dataset_that_a_run_needs_stays(platform: Platform) -> None:
    # Given a run, over or not, I expect its dataset to name it, and to stay.
    run = submit(platform, small_spec())
    cancel(platform, run)
    [found] = published(platform.record)
    assert found.runs == (run,)
    with pytest.raises(DataError, match=f"{run}.*`phiforge rm`"):
        remove(platform.record, found)
    assert load(found.digest, platform.store).name == "glyphs"


@pytest.mark.parametrize("given", ["", "abc", "[x]", "0" * 64])
def test_what_is_no_digest(given: str, store: Store) -> None:
    publish(small("one"), store)
    with pytest.raises(DataError, match="phiforge data list"):
        meant(published(Record(store)), given)
