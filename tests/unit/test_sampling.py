"""Episodes: balanced, without replacement, from one split only, and named by their seed."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phiforge_sampler.service import Sampler

from phiforge.base.errors import MissingObjectError
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig
from phiforge.learning.learners.prototypical import PrototypicalConfig
from phiforge.runs.keys import evaluation_episodes_key, training_episodes_key
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families.sinusoid import SinusoidData
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch, without_replacement

SIZE, DRAWINGS, CLASSES = 3, 6, 12
SPLIT_OF = {"train": range(6), "validation": range(6, 9), "test": range(9, 12)}


def tiny_dataset(turns=1):
    """Twelve classes of six drawings; every pixel of every drawing is different from its neighbours."""
    images = np.random.default_rng(0).integers(0, 256, (CLASSES * DRAWINGS, 1, SIZE, SIZE), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(images))  # so that no two are the same
    return Dataset(
        "tiny",
        images,
        tuple(SourceClass(f"class {number}", number * DRAWINGS, DRAWINGS) for number in range(CLASSES)),
        {
            split: tuple(TaskClass(source, turn) for source in sources for turn in range(turns))
            for split, sources in SPLIT_OF.items()
        },
    )


TINY, TURNED = Pool(tiny_dataset()), Pool(tiny_dataset(turns=4))


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
    batch = sample_batch(pool, split, task, episodes, seed, mirror=True)
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
    batch = sample_batch(Pool(dataset), "train", Task(n_way=2, k_shot=1, n_query=1), 50, 0, mirror=True)
    found = {
        int(turn): x.tolist()
        for images, origin in zip(batch.support_x[:, :, 0], batch.origin, strict=True)
        for x, (_, turn) in zip(images, origin, strict=False)
    }
    # I expect left and right to be exchanged after the turn.
    assert found == {0: [[1, 2], [3, 4]], 1: [[2, 4], [1, 3]], 4: [[2, 1], [4, 3]], 5: [[4, 2], [3, 1]]}


def test_about_half_of_the_classes_are_mirrored():
    # Given many classes, I expect each to be mirrored about as often as not (five standard errors).
    mirrored = sample_batch(TURNED, "train", Task(n_way=24, n_query=1), 500, 0, mirror=True).classes >= 24
    assert np.abs(mirrored.mean(axis=0) - 0.5).max() < 5 * 0.5 / 500**0.5
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / mirrored.size**0.5


@given(arguments())
def test_nothing_is_mirrored_unless_asked_for(given_arguments):
    # Given any task, I expect the option to be off by default, and then no class beyond those of the split.
    pool, split, task, episodes, seed = given_arguments
    dataset = pool.dataset
    batch = sample_batch(pool, split, task, episodes, seed)
    assert batch.to_bytes() == sample_batch(pool, split, task, episodes, seed, mirror=False).to_bytes()
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


def spec_of(**parts):
    return RunSpec.model_validate(
        {"task": {"n_way": 3, "n_query": 2}, "outer": {"meta_batch": 6, "job_size": 2}} | parts
    )


@pytest.fixture
def sampled(tmp_path):
    """Run the sampler's messages on the tiny dataset, and return what it wrote by key."""
    runs = {}

    def write(run, spec):
        store = LocalStore(tmp_path / run)
        shape, classes = TINY.dataset.image_shape, len(TINY.dataset.splits["train"])
        runs[run] = RunRecord(run, spec, "hash", "digest", shape, classes, 0.0)
        moving = {
            "exchange": SimpleNamespace(state=lambda run: None),
            "record": Record(store),
            "attempts": SimpleNamespace(attempt=lambda *_: nullcontext()),
            "queue": SimpleNamespace(sample_training=print, sample_evaluation=print),
        }
        sampler = Sampler(SimpleNamespace(store=store, run=runs.__getitem__, **moving))
        sampler.pool = lambda digest: {"digest": TINY}[digest]
        for version in range(min(2, spec.outer.versions)):
            sampler.sample_training(run, version, 0.0)
        for split in ("validation", "test"):
            for chunk in range(2):
                sampler.sample_evaluation(run, split, chunk, 0.0)
        return runs[run], store

    return write


def test_versions_and_jobs_have_episodes_of_their_own(sampled):
    # Given the episodes of two versions of three jobs, and of two chunks of two splits
    record, store = sampled("first", spec_of())
    keys = [training_episodes_key("first", version, job) for version in range(2) for job in range(3)]
    keys += [evaluation_episodes_key(record, split, chunk) for split in ("validation", "test") for chunk in range(2)]
    # I expect no two to be the same, and nothing else to be written.
    assert len({store.get(key) for key in keys}) == len(keys)
    assert sorted(store.list("")) == sorted(keys)
    # If another run of the same spec is sampled, I expect the same episodes to the bit,
    _, elsewhere = sampled("again", spec_of())
    for version in range(2):
        for job in range(3):
            key = training_episodes_key("again", version, job)
            assert elsewhere.get(key) == store.get(training_episodes_key("first", version, job))
    # and others if its seed is another.
    _, other = sampled("other", spec_of(seed=1))
    assert other.get(training_episodes_key("other", 0, 0)) != store.get(training_episodes_key("first", 0, 0))


def test_all_learners_are_judged_on_the_same_episodes(sampled):
    # Given runs of different learners, seeds, names and outer loops, of which one trains with other ways
    judged = {"task": {"n_way": 3, "k_shot": 1, "n_query": 2}, "chunk_size": 5}
    none = {"learner": PixelNearestNeighbourConfig(), "estimator": {"name": "none"}, "outer": {"versions": 0}}
    specs = {
        "maml": spec_of(learner=MamlConfig(), evaluation=judged),
        "pixel": spec_of(**none, seed=4, name="pixel", evaluation=judged),
        "ways": spec_of(learner=PrototypicalConfig(), task={"n_way": 6, "n_query": 1}, evaluation=judged),
    }
    written = {name: sampled(name, spec) for name, spec in specs.items()}
    for split in ("validation", "test"):
        for chunk in range(2):
            # I expect their judged episodes under one key, with the same bytes.
            keys = {evaluation_episodes_key(record, split, chunk) for record, _ in written.values()}
            assert len(keys) == 1
            (key,) = keys
            assert len({store.get(key) for _, store in written.values()}) == 1


@pytest.mark.parametrize(
    "evaluation", [{"seed": 1}, {"chunk_size": 5}, {"task": {"n_way": 3, "k_shot": 2, "n_query": 2}}], ids=str
)
def test_runs_that_are_judged_otherwise_do_not_share_episodes(sampled, evaluation):
    # Given two runs that differ in how they are judged, I expect the second not to read the first's episodes.
    record, _ = sampled("first", spec_of())
    other, store = sampled("other", spec_of(evaluation=evaluation))
    assert evaluation_episodes_key(other, "test", 0) != evaluation_episodes_key(record, "test", 0)
    with pytest.raises(MissingObjectError):
        store.get(evaluation_episodes_key(record, "test", 0))


def test_what_is_there_is_not_written_again(sampled):
    # Given episodes that were written
    _, store = sampled("first", spec_of())
    key = training_episodes_key("first", 0, 0)
    store.put(key, b"written before")
    # If the same messages come again, I expect what is there to be left alone.
    sampled("first", spec_of())
    assert store.get(key) == b"written before"


def test_only_training_is_mirrored(sampled):
    # Given a run that mirrors its training classes, and one that does not
    record, store = sampled("mirror", spec_of(sampling={"augmentation": "mirror"}))
    _, plain = sampled("plain", spec_of())

    def batch(key):
        return EpisodeBatch.from_bytes(store.get(key))

    # I expect some classes of training tasks to be mirror images, in others' place,
    training = batch(training_episodes_key("mirror", 0, 0))
    assert training.origin[:, :, 1].max() >= 4
    assert training.classes.max() >= len(TINY.dataset.splits["train"])
    assert plain.get(training_episodes_key("plain", 0, 0)) != training.to_bytes()
    # and the judged episodes to be the very same as the other run's.
    for split in ("validation", "test"):
        for chunk in range(2):
            key = evaluation_episodes_key(record, split, chunk)
            assert store.get(key) == plain.get(key)
            assert batch(key).origin[:, :, 1].max() == 0


def test_sinusoids_need_no_dataset(sampled):
    # Given a regression that is judged by tasks of another size
    judged = {"task": {"n_way": 1, "k_shot": 10, "n_query": 4}, "chunk_size": 3}
    task = {"n_way": 1, "k_shot": 5, "n_query": 7}
    record, store = sampled("waves", spec_of(data=SinusoidData(), task=task, evaluation=judged))
    training = EpisodeBatch.from_bytes(store.get(training_episodes_key("waves", 0, 0)))
    testing = EpisodeBatch.from_bytes(store.get(evaluation_episodes_key(record, "test", 0)))
    # I expect episodes of the shapes asked for, though there is nothing to load.
    assert (training.support_x.shape, training.query_y.shape) == ((2, 5, 1), (2, 7, 1))
    assert (testing.support_x.shape, testing.query_y.shape) == ((3, 10, 1), (3, 4, 1))
    # If the formula is another, I expect other episodes.
    _, other = sampled("flat", spec_of(data=SinusoidData(amplitudes=(1, 1)), task=task, evaluation=judged))
    assert other.get(training_episodes_key("flat", 0, 0)) != training.to_bytes()
