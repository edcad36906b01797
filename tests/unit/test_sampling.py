"""Episodes: balanced, without replacement, from one split only, and named by their seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch, without_replacement
from tests.unit.tiny_dataset import DRAWINGS, SIZE, SPLIT_OF, TINY, TURNED, tiny_dataset


@st.composite
def arguments(draw):
    """A pool, a split of it, a task that it can give, a number of episodes and a seed."""
    pool = draw(st.sampled_from([TINY, TURNED]))
    split = draw(st.sampled_from(list(SPLIT_OF)))
    k_shot = draw(st.integers(1, DRAWINGS - 1))
    task = Task(
        n_way=draw(st.integers(2, len(pool.dataset.splits[split]))),
        k_shot=k_shot,
        n_query=draw(st.integers(1, DRAWINGS - k_shot)),
    )
    return pool, split, task, draw(st.integers(1, 3)), draw(st.integers(0, 2**63))


@given(arguments())
def test_what_an_episode_is(given_arguments):
    # Given any task that a split can give
    pool, split, task, episodes, seed = given_arguments
    dataset = pool.dataset
    batch = sample_batch(pool, split, task, episodes, seed)
    support = task.n_way * task.k_shot
    # I expect as many episodes, of the shapes and types that are documented,
    assert len(batch) == episodes
    assert batch.support_x.shape == (episodes, support, 1, SIZE, SIZE)
    assert batch.query_x.shape == (episodes, task.n_way * task.n_query, 1, SIZE, SIZE)
    assert batch.origin.shape == (episodes, task.n_way * task.drawings, 2)
    assert batch.classes.shape == (episodes, task.n_way)
    assert (batch.support_x.dtype, batch.support_y.dtype, batch.origin.dtype) == (np.uint8, np.int64, np.int32)
    assert batch.classes.dtype == np.int64
    for index in range(episodes):
        labels = np.concatenate([batch.support_y[index], batch.query_y[index]])
        images = np.concatenate([batch.support_x[index], batch.query_x[index]])
        drawings, turns = batch.origin[index].T
        # support and query balanced over the labels,
        assert np.bincount(batch.support_y[index]).tolist() == [task.k_shot] * task.n_way
        assert np.bincount(batch.query_y[index]).tolist() == [task.n_query] * task.n_way
        # one class of the split asked behind each label, and no class behind two,
        classes = {
            label: {(drawings[at] // DRAWINGS, turns[at]) for at in np.flatnonzero(labels == label)} for label in labels
        }
        assert all(len(each) == 1 for each in classes.values())
        distinct = set.union(*classes.values())
        assert len(distinct) == task.n_way
        assert distinct <= set(dataset.splits[split])
        # named by its position in the split,
        for label, position in enumerate(batch.classes[index]):
            assert classes[label] == {dataset.splits[split][position]}
        # no image twice, so that support and query are disjoint,
        assert len({(drawing, turn) for drawing, turn in batch.origin[index]}) == len(labels)
        # and each image the one that its origin names.
        for image, drawing, turn in zip(images, drawings, turns, strict=True):
            assert np.array_equal(image[0], turned(dataset.images[drawing, 0], turn))


def turned(image, quarter_turns):
    """Turn counterclockwise by hand: the right column becomes the top row."""
    for _ in range(quarter_turns):
        image = np.array([[image[row, column] for row in range(SIZE)] for column in reversed(range(SIZE))])
    return image


def test_a_turned_class_by_hand():
    # Given a split whose only classes are one drawing as it is, and turned by 90, 180 and 270 degrees
    image = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 1, 2, 2)
    classes = (SourceClass("a", 0, 2),)
    dataset = Dataset(
        "one", np.repeat(image, 2, axis=0), classes, {"train": tuple(TaskClass(0, turn) for turn in range(4))}
    )
    batch = sample_batch(Pool(dataset), "train", Task(n_way=4, k_shot=1, n_query=1), 1, 0)
    # I expect each orientation to be a class of its own.
    by_turn = {int(turn): x.tolist() for x, (_, turn) in zip(batch.support_x[0, :, 0], batch.origin[0], strict=False)}
    assert by_turn == {0: [[1, 2], [3, 4]], 1: [[2, 4], [1, 3]], 2: [[4, 3], [2, 1]], 3: [[3, 1], [4, 2]]}


@given(arguments())
def test_mirrored_classes(given_arguments):
    # Given any task that a split can give, if its classes may be mirrored
    pool, split, task, episodes, seed = given_arguments
    dataset = pool.dataset
    batch = sample_batch(pool, split, task, episodes, seed, augmentation="mirror")
    count = len(dataset.splits[split])
    for index in range(episodes):
        labels = np.concatenate([batch.support_y[index], batch.query_y[index]])
        images = np.concatenate([batch.support_x[index], batch.query_x[index]])
        for label, image, (drawing, turn) in zip(labels, images, batch.origin[index], strict=True):
            # I expect each image to be the one that its origin names, mirrored after it was turned where that says so,
            upright = turned(dataset.images[drawing, 0], turn % 4)
            assert np.array_equal(image[0], upright[:, ::-1] if turn >= 4 else upright)
            # and the mirror image of a class to be a class of its own, beyond those of the split.
            position = batch.classes[index][label]
            assert position // count == turn // 4
            assert dataset.splits[split][position % count] == (drawing // DRAWINGS, turn % 4)
        assert len(set(batch.classes[index] % count)) == task.n_way


def test_a_mirrored_image_by_hand():
    # Given a drawing as it is and turned by 90 degrees, in episodes enough for every coin to fall both ways
    image = np.array([[1, 2], [3, 4]], np.uint8).reshape(1, 1, 2, 2)
    splits = {"train": (TaskClass(0, 0), TaskClass(0, 1))}
    dataset = Dataset("one", np.repeat(image, 2, axis=0), (SourceClass("a", 0, 2),), splits)
    batch = sample_batch(Pool(dataset), "train", Task(n_way=2, k_shot=1, n_query=1), 50, 0, augmentation="mirror")
    found = {
        int(turn): x.tolist()
        for images, origin in zip(batch.support_x[:, :, 0], batch.origin, strict=True)
        for x, (_, turn) in zip(images, origin, strict=False)
    }
    # I expect left and right to be exchanged after the turn.
    assert found == {0: [[1, 2], [3, 4]], 1: [[2, 4], [1, 3]], 4: [[2, 1], [4, 3]], 5: [[4, 2], [3, 1]]}


def test_about_half_of_the_classes_are_mirrored():
    # Given many classes, I expect each to be mirrored about as often as not (five standard errors).
    mirrored = sample_batch(TURNED, "train", Task(n_way=24, n_query=1), 500, 0, augmentation="mirror").classes >= 24
    assert np.abs(mirrored.mean(axis=0) - 0.5).max() < 5 * 0.5 / 500**0.5
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / mirrored.size**0.5


@given(arguments())
def test_turned_and_mirrored_classes(given_arguments):
    # Given any task that a split can give, if its classes may be turned and mirrored
    pool, split, task, episodes, seed = given_arguments
    dataset, count = pool.dataset, len(pool.dataset.splits[split])
    batch = sample_batch(pool, split, task, episodes, seed, augmentation="turn")
    for index in range(episodes):
        labels = np.concatenate([batch.support_y[index], batch.query_y[index]])
        images = np.concatenate([batch.support_x[index], batch.query_x[index]])
        for label, image, (drawing, turn) in zip(labels, images, batch.origin[index], strict=True):
            # I expect each image to be the one that its origin names, turned and then mirrored as that says,
            upright = turned(dataset.images[drawing, 0], turn % 4)
            assert np.array_equal(image[0], upright[:, ::-1] if turn >= 4 else upright)
            # and each of the eight kinds of a class to be one of its own, whose turn comes on top of the class's.
            further, position = divmod(int(batch.classes[index][label]), count)
            source, turns = dataset.splits[split][position]
            assert (drawing // DRAWINGS, turn // 4) == (source, further // 4)
            assert turn % 4 == (turns + further) % 4
        assert len(set(batch.classes[index] % count)) == task.n_way


def test_each_turn_comes_as_often():
    # Given many classes, I expect each of the eight kinds as often as any other (five standard errors).
    kinds = sample_batch(TURNED, "train", Task(n_way=24, n_query=1), 500, 0, augmentation="turn").classes // 24
    shares = np.bincount(kinds.ravel(), minlength=8) / kinds.size
    assert np.abs(shares - 1 / 8).max() < 5 * (7 / 64 / kinds.size) ** 0.5


@given(arguments())
def test_nothing_is_mirrored_unless_asked_for(given_arguments):
    # Given any task, I expect the option to be off by default, and then no class beyond those of the split.
    pool, split, task, episodes, seed = given_arguments
    dataset = pool.dataset
    batch = sample_batch(pool, split, task, episodes, seed)
    assert batch.to_bytes() == sample_batch(pool, split, task, episodes, seed, augmentation="none").to_bytes()
    assert batch.origin[:, :, 1].max() < 4
    assert batch.classes.max() < len(dataset.splits[split])


@given(arguments())
def test_equal_arguments_give_equal_bytes(given_arguments):
    pool, split, task, episodes, seed = given_arguments
    again = Pool(tiny_dataset(turns=len(pool.dataset.splits["train"]) // len(SPLIT_OF["train"])))
    assert (
        sample_batch(pool, split, task, episodes, seed, "train", 1, 2).to_bytes()
        == sample_batch(again, split, task, episodes, seed, "train", 1, 2).to_bytes()
    )


@given(st.lists(st.integers(3, 9), min_size=1, max_size=5), st.integers(1, 3), st.integers(0, 2**63))
def test_drawing_without_replacement(sizes, count, seed):
    # Given sizes, I expect of each as many numbers below it as asked for, no two the same.
    drawn = without_replacement(np.random.default_rng(seed), np.array(sizes), count)
    assert drawn.shape == (len(sizes), count)
    for row, size in zip(drawn, sizes, strict=True):
        assert len(set(row)) == count
        assert 0 <= row.min() <= row.max() < size


def test_every_order_is_as_likely_as_any_other():
    # Given many draws of 2 out of 3 and of 2 out of 4, side by side
    drawn = without_replacement(np.random.default_rng(0), np.tile([3, 4], 6000), 2).reshape(6000, 2, 2)
    for pairs, size in zip(drawn.transpose(1, 0, 2), (3, 4), strict=True):
        # I expect each ordered pair about as often as any other (five standard errors).
        seen, counts = np.unique(pairs, axis=0, return_counts=True)
        assert len(seen) == size * (size - 1)
        assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


def test_every_class_and_drawing_has_its_turn():
    # Given many episodes of 2 ways and 2 of 6 drawings
    batch = sample_batch(TURNED, "validation", Task(n_way=2, k_shot=1, n_query=1), 3000, 0)
    seen, counts = np.unique(batch.origin.reshape(-1, 2), axis=0, return_counts=True)
    # I expect each of the 3 x 6 drawings in each of its 4 turns about as often as any other (five standard errors),
    assert len(seen) == 3 * DRAWINGS * 4
    assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())
    # also as a class's support.
    _, counts = np.unique(batch.origin[:, :2].reshape(-1, 2), axis=0, return_counts=True)
    assert np.abs(counts - counts.mean()).max() < 5 * np.sqrt(counts.mean())


@pytest.mark.parametrize("task", [Task(n_way=4), Task(n_way=2, k_shot=5, n_query=2)], ids=["ways", "drawings"])
def test_more_than_a_split_has(task):
    # Given a task of more ways or drawings than there are, I expect an error, not one class or drawing twice.
    with pytest.raises(ValueError, match="low >= high"):
        sample_batch(TINY, "validation", task, 1, 0)
