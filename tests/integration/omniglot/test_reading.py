"""What is drawn is what is read, from zips or trees, and the fingerprint names it."""

import zipfile

import numpy as np
import pytest

from phiforge.base.settings import Settings
from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.omniglot import Omniglot
from tests.integration.omniglot.small import PAPER, SMALL, SMALL_CONFIG, png, read, small_is_whole, write_zips


def test_ink_is_255_on_0(whole):
    # Given drawings that keep their size, if they are read, I expect each as it was drawn, in order, ink 255 on 0.
    np.testing.assert_array_equal(read(whole).images[:, 0], np.where(PAPER, 0, 255).reshape(-1, 105, 105))


def test_images_are_made_small_by_a_filter(whole):
    # Given drawings of 105 x 105
    images = read(whole, image_size=21).images[:, 0]
    # If they are made 21 x 21, I expect each pixel to be near the mean ink of the 5 x 5 that it stands for.
    ink = 255.0 * ~PAPER.reshape(-1, 21, 5, 21, 5)
    mean = ink.mean(axis=(2, 4))
    assert np.abs(images - mean).mean() < 25
    # Were it one of the 25 pixels, as Pillow does to 1-bit images, it would be
    assert np.abs(ink[:, :, 2, :, 2] - mean).mean() > 75


def test_zips_and_trees_are_the_same(whole, tmp_path):
    # Given the zips, the trees that they hold, and one of each
    for archive in SMALL:
        with zipfile.ZipFile(whole / f"{archive}.zip") as file:
            file.extractall(tmp_path / "trees")
    with zipfile.ZipFile(whole / "images_evaluation.zip") as file:
        file.extractall(tmp_path / "mixed")
    (tmp_path / "mixed" / "images_background.zip").symlink_to(whole / "images_background.zip")
    expected = read(whole)
    for folder in ("trees", "mixed"):
        # If they are read, I expect the same images, classes and splits.
        found = read(tmp_path / folder)
        np.testing.assert_array_equal(found.images, expected.images)
        assert (found.classes, found.splits) == (expected.classes, expected.splits)


@pytest.mark.parametrize("tree", [True, False])
def test_a_changed_drawing_changes_the_fingerprint(files, tmp_path, tree):
    # Given a small Omniglot and one that differs in a pixel, as zips or as trees
    fingerprints = []
    for folder in (tmp_path / "before", tmp_path / "after"):
        write_zips(folder, files)
        if tree:
            for path in folder.glob("*.zip"):
                zipfile.ZipFile(path).extractall(folder)
                path.unlink()
        with small_is_whole():
            fingerprints.append(Omniglot(SMALL_CONFIG, Settings(home=tmp_path, omniglot=folder)).fingerprint())
        files["images_background"]["images_background/Bee/character01/07.png"] = png(~PAPER[0, 0])
    # I expect the archive with that drawing to have another hash, and only that.
    before, after = fingerprints
    assert before["images_background"] != after["images_background"]
    assert before["images_evaluation"] == after["images_evaluation"]


def test_lists_are_read_and_named_by_the_fingerprint(whole, tmp_path):
    # Given lists, if they are used, I expect the split that they name, and their hashes.
    found = read(whole, split="vinyals", rotations=False)
    assert [[each.source for each in found.splits[name]] for name in SPLITS] == [[0, 1], [2], [3, 4]]
    assert set(found.source) == {*SMALL, *SPLITS}
