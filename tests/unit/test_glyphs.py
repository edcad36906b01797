"""Glyphs: the same images for the same config, in enough classes, and neither too easy nor too hard."""

import numpy as np
import pytest

from phiforge.base.canonical import sha256_hex
from phiforge.base.settings import Settings
from phiforge.spec.task import Task
from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.glyphs import Glyphs, GlyphsData
from phiforge.tasks.pool import Pool
from phiforge.tasks.sampling import sample_batch


@pytest.fixture(scope="module")
def told():
    """What the build says of its progress."""
    return []


@pytest.fixture(scope="module")
def glyphs(told):
    """The dataset of the default config."""
    return Glyphs(GlyphsData(), Settings(), lambda *each: told.append(each)).build()


@pytest.fixture(scope="module")
def few():
    """The dataset with two drawings a letter, which is quick to build."""
    return build()


def build(**changes):
    return Glyphs(GlyphsData(drawings=2, **changes), Settings()).build()


def digest(images):
    return sha256_hex(np.ascontiguousarray(images).tobytes())


def characters(dataset, split):
    return {each.source for each in dataset.splits[split]}


def test_images_and_classes(glyphs):
    # Given the default dataset, I expect hundreds of letters, each with its name and its 20 drawings.
    count = len(glyphs.classes)
    assert count >= 300
    assert glyphs.images.shape == (20 * count, 1, 28, 28)
    assert glyphs.images.dtype == np.uint8
    assert len({each.name for each in glyphs.classes}) == count
    assert [(each.first, each.drawings) for each in glyphs.classes] == [(20 * index, 20) for index in range(count)]
    assert "U+0041 LATIN CAPITAL LETTER A" in {each.name for each in glyphs.classes}


def test_ink_is_bright_and_rare(glyphs):
    # Given the images, I expect ink in every one, some grey at its edges, and paper around it.
    ink = glyphs.images.reshape(len(glyphs.images), -1)
    assert ink.max(axis=1).min() > 128
    assert ink.max() == 255
    assert np.median(ink) == 0
    assert len(np.unique(ink)) == 256


def test_splits_share_no_letter(glyphs):
    # Given the splits, I expect every letter in one of them, most in the first.
    counts = [len(characters(glyphs, split)) for split in SPLITS]
    assert set.union(*(characters(glyphs, split) for split in SPLITS)) == set(range(len(glyphs.classes)))
    assert sum(counts) == len(glyphs.classes)
    np.testing.assert_allclose(np.array(counts) / len(glyphs.classes), [0.64, 0.16, 0.2], atol=0.01)


def test_the_build_tells_how_far_it_is(glyphs, told):
    # Given the build, I expect it to have told what it does, from nothing up to almost all.
    assert {what for what, _, _ in told} == {"drawing glyphs"}
    assert {total for _, _, total in told} == {len(glyphs.classes)}
    assert [done for _, done, _ in told] == list(range(0, len(glyphs.classes), 20))


def test_the_same_config_gives_the_same_images(few):
    # Given one config, if it is built twice, I expect all to be the same.
    again = build()
    assert digest(again.images) == digest(few.images)
    assert (again.classes, again.splits, again.source) == (few.classes, few.splits, few.source)


def test_the_seed_shuffles_letters_and_changes_no_image(few):
    # Given two split seeds, I expect the same images in other splits.
    other = build(split_seed=1)
    assert digest(other.images) == digest(few.images)
    assert other.classes == few.classes
    assert all(characters(other, split) != characters(few, split) for split in SPLITS)


def test_rotations_stay_on_their_side(few):
    # Given glyphs with rotations, I expect four times the classes, of the same letters.
    turned = build(rotations=True)
    assert digest(turned.images) == digest(few.images)
    for split in SPLITS:
        assert len(turned.splits[split]) == 4 * len(few.splits[split])
        assert set(turned.splits[split]) == {(each, turn) for each in characters(few, split) for turn in range(4)}


def test_jitter(few):
    # Given glyphs without jitter, whose drawings differ in their typeface only
    steady = build(jitter=0.0)
    # I expect the two of some letters to be equal, and those of none with jitter.
    pairs = [each.images.reshape(len(each.classes), 2, -1) for each in (steady, few)]
    equal = [(pair[:, 0] == pair[:, 1]).all(axis=1).mean() for pair in pairs]
    assert equal[0] > 0.05
    assert equal[1] == 0


def test_image_size():
    # Given another size, I expect images of it.
    assert build(image_size=17).image_shape == (1, 17, 17)


def test_the_fingerprint_names_what_draws(glyphs):
    # Given a source that draws nothing, I expect the fingerprint that the dataset carries: typefaces and versions.
    found = Glyphs(GlyphsData(), Settings()).fingerprint()
    assert found == glyphs.source
    assert {"DejaVuSans", "DejaVuSerif-BoldItalic", "torch", "content"} <= set(found)


def test_pixels_alone_neither_fail_nor_suffice(glyphs):
    # Given 200 episodes of letters that are kept for testing
    batch = sample_batch(Pool(glyphs), "test", Task(n_way=5, k_shot=1, n_query=5), 200, "nearest neighbour", 0)
    support, query = (each.reshape(*each.shape[:2], -1).astype(np.float32) for each in (batch.support_x, batch.query_x))
    # If each query takes the label of the support image with the nearest pixels
    distances = np.square(query[:, :, None] - support[:, None]).sum(axis=-1)
    predicted = np.take_along_axis(batch.support_y, distances.argmin(axis=-1), axis=1)
    # I expect it to be right more often than by chance (20 %), and to leave something to learn.
    assert 0.3 < (predicted == batch.query_y).mean() < 0.7
