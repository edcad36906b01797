"""What a sampler writes for its messages: episodes of each job and chunk, shared where runs are judged alike."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from phiforge.base.errors import MissingObjectError
from phiforge.learning.learners.maml import MamlConfig
from phiforge.learning.learners.pixel_nearest_neighbour import PixelNearestNeighbourConfig
from phiforge.learning.learners.prototypical import PrototypicalConfig
from phiforge.runs.keys import evaluation_episodes_key, training_episodes_key
from phiforge.runs.record import Record
from phiforge.runs.store import LocalStore
from phiforge.runs.submitted import RunRecord
from phiforge.spec.run import RunSpec
from phiforge.tasks.episodes import EpisodeBatch
from phiforge.tasks.families.sinusoid import SinusoidData
from phiforge_sampler.service import Sampler
from tests.unit.tiny_dataset import TINY


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
    "evaluation",
    [
        {"seed": 1},
        {"chunk_size": 5},
        {"task": {"n_way": 3, "k_shot": 2, "n_query": 2}},
        {"label_noise": 0.5},
    ],
    ids=str,
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


@pytest.mark.parametrize("augmentation", ["mirror", "turn"])
def test_only_training_is_mirrored(sampled, augmentation):
    # Given a run that mirrors its training classes, and one that does not
    record, store = sampled("mirror", spec_of(sampling={"augmentation": augmentation}))
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


def test_wrong_labels_in_training_and_where_it_is_judged(sampled):
    # Given a run with wrong labels in training, one with them also where it is judged, and one without any
    shape = {"n_way": 3, "k_shot": 2, "n_query": 2}
    noisy = {"augmentation": "none", "label_noise": 0.5}
    clean, store = sampled("clean", spec_of(task=shape))
    trained, _ = sampled("trained", spec_of(task=shape, sampling=noisy, evaluation={"label_noise": 0}))
    both, wrong = sampled("both", spec_of(task=shape, sampling=noisy))
    # I expect half of the training labels to be wrong, drawn as named by version and job,
    batches = [EpisodeBatch.from_bytes(wrong.get(training_episodes_key("both", 0, job))) for job in range(3)]
    assert all((batch.truth != batch.support_y).mean() == 0.5 for batch in batches)
    assert len({batch.support_y.tobytes() for batch in batches}) == 3
    # the same where the judged are right as where they are wrong,
    assert EpisodeBatch.from_bytes(wrong.get(evaluation_episodes_key(both, "test", 0))).truth is not None
    # and who is judged by right labels to share the episodes of those who know no wrong ones.
    key = evaluation_episodes_key(trained, "test", 0)
    assert key == evaluation_episodes_key(clean, "test", 0) != evaluation_episodes_key(both, "test", 0)
    assert EpisodeBatch.from_bytes(store.get(key)).truth is None


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
