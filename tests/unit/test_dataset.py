"""A dataset in memory refuses splits that share a class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.dataset import SPLITS, Dataset, SourceClass, TaskClass

CLASSES = (SourceClass("alpha", 0, 4), SourceClass("beta", 4, 2), SourceClass("gamma", 6, 3))


def dataset(splits):
    return Dataset("tiny", np.zeros((9, 2, 3, 4), np.uint8), CLASSES, splits)


def splits_of(train=(), validation=(), test=()):
    """Task classes by split, from (source, quarter turns)."""
    return {
        split: tuple(TaskClass(*each) for each in classes)
        for split, classes in zip(SPLITS, (train, validation, test), strict=True)
    }


def test_what_a_dataset_tells():
    # Given a dataset whose classes have different numbers of drawings, one of them in two orientations
    tiny = dataset(splits_of([(0, 0), (1, 0), (1, 2)], [], [(2, 0)]))
    # I expect channels, height and width, and the fewest drawings of each split.
    assert tiny.image_shape == (2, 3, 4)
    assert tiny.drawings("train") == 2
    assert tiny.drawings("test") == 3


@pytest.mark.parametrize(("first", "second"), [("train", "test"), ("train", "validation"), ("validation", "test")])
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_class_in_two_splits(first, second, turn):
    # Given splits that share a class, be it in another orientation
    shared = splits_of() | {first: (TaskClass(0, 0), TaskClass(1, 0)), second: (TaskClass(2, 0), TaskClass(1, turn))}
    # If they make a dataset, I expect an error that names the class and both splits.
    with pytest.raises(DataError, match=f"class 'beta' is in the splits '{first}' and '{second}', allowed is one"):
        dataset(shared)


task_classes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=6, unique=True)


@given(task_classes, task_classes, task_classes)
def test_a_dataset_is_refused_only_if_splits_share_a_class(train, validation, test):
    # Given any splits
    splits = splits_of(train, validation, test)
    # I expect a dataset if, and only if, no class is in two of them.
    sources = [source for classes in (train, validation, test) for source in {source for source, _ in classes}]
    if len(set(sources)) == len(sources):
        assert dataset(splits).splits == splits
    else:
        with pytest.raises(DataError, match="allowed is one"):
            dataset(splits)
