"""Wrong labels: as many as asked for, in support sets alone, drawn by a name of their own, and never forgotten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiforge.spec.run import RunSpec
from phiforge.spec.task import Task
from phiforge.tasks.label_noise import wrong_labels
from phiforge.tasks.sampling import sample_batch, training_seed
from phiforge.tasks.sources import appearances, sources
from tests.unit.tiny_dataset import DRAWINGS, TINY, TURNED

FIVE = Task(n_way=5, k_shot=5, n_query=1)
SHARES = st.sampled_from([0.2, 0.4, 0.6])
seeds = st.integers(0, 2**63)


@given(SHARES, st.sampled_from(["none", "mirror"]), seeds)
def test_what_is_wrong_and_what_stays_right(share, by, seed):
    # Given episodes with wrong labels, and those of the same name without
    noisy, clean = (sample_batch(TURNED, "train", FIVE, 3, seed, augmentation=by, noise=each) for each in (share, 0.0))
    count = len(TURNED.dataset.splits["train"])
    for index in range(3):
        # I expect the share of each class's support examples to have another label, and no label to be left out,
        wrong = noisy.support_y[index] != noisy.truth[index]
        assert np.bincount(noisy.truth[index][wrong], minlength=5).tolist() == [round(5 * share)] * 5
        assert set(noisy.support_y[index]) == set(range(5))
        # those with a wrong label to come last,
        assert not np.diff(wrong.astype(int)).min() < 0
        # the truth to be the class that each example is of,
        for true, (image, turn) in zip(noisy.truth[index], noisy.origin[index][:25], strict=True):
            position = noisy.classes[index][true]
            source = TURNED.dataset.splits["train"][position % count]
            assert (source.source, source.quarter_turns) == (image // DRAWINGS, turn % 4)
        # and the same images, classes and query labels as without.
        assert sorted(map(tuple, noisy.origin[index])) == sorted(map(tuple, clean.origin[index]))
    for name in ("classes", "query_x", "query_y"):
        assert np.array_equal(getattr(noisy, name), getattr(clean, name))


@given(seeds)
def test_none_is_as_if_there_were_no_such_thing(seed):
    # Given no share, I expect the very bytes of before, which know of no truth.
    batch = sample_batch(TINY, "train", FIVE, 2, seed, noise=0.0)
    assert batch.truth is None
    assert batch.to_bytes() == sample_batch(TINY, "train", FIVE, 2, seed).to_bytes()


def test_every_other_label_is_as_likely():
    # Given many episodes, I expect each class's wrong labels to be any other one about as often (five standard errors).
    wrong = wrong_labels(FIVE, 0.6, 4000, "many")
    for label in range(5):
        counts = np.bincount(wrong[:, label].ravel(), minlength=5)
        assert counts[label] == 0
        others = np.delete(counts, label)
        assert np.abs(others - others.mean()).max() < 5 * np.sqrt(others.mean())


def test_the_seed_names_them():
    # Given equal names I expect equal labels, of other names others.
    assert np.array_equal(wrong_labels(FIVE, 0.4, 20, 0, "train", 1), wrong_labels(FIVE, 0.4, 20, 0, "train", 1))
    assert not np.array_equal(wrong_labels(FIVE, 0.4, 20, 0, "train", 1), wrong_labels(FIVE, 0.4, 20, 0, "train", 2))


@pytest.mark.parametrize("augmentation", ["none", "mirror", "turn"])
def test_lineage_says_what_each_was_taken_for(augmentation):
    # Given a run with wrong labels, and the episodes of a job of it
    sampling = {"label_noise": 0.4, "augmentation": augmentation}
    spec = RunSpec.model_validate({"task": FIVE.model_dump(), "sampling": sampling, "outer": {"job_size": 4}})
    seed = training_seed(spec, 7, 2)
    batch = sample_batch(TINY, "train", FIVE, 4, *seed, augmentation=augmentation, noise=0.4)
    catalogue = TINY.dataset.catalogue
    found = sources(catalogue, batch)
    # I expect what is read off its file to name the class that each wrong label stands for,
    names = [each.name for each in catalogue.classes]
    classes = [catalogue.splits["train"][number % 6].source for number in range(48)]
    for index, episode in enumerate(found):
        for item, label, true in zip(episode.support, batch.support_y[index], batch.truth[index], strict=True):
            said = names[classes[batch.classes[index][label]]]
            assert item.labelled == ("" if label == true else said)
            assert item.name == names[classes[batch.classes[index][true]]]
        assert not any(item.labelled for item in episode.query)
    # and what is drawn again of the seed, without an image, to say the same of every example.
    images = list(range(len(TINY.dataset.images)))
    again = list(appearances(spec, catalogue, 8, images, [(7, 2)]))
    for index, episode in enumerate(found):
        for role in ("support", "query"):
            drawn = [each.item for each in again if (each.episode, each.role) == (index, role)]
            assert sorted(drawn) == sorted(getattr(episode, role))
