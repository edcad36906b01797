"""The real Omniglot is read whole and split as published."""

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.omniglot import SHA256, Omniglot, OmniglotData
from tests.servers import missing

PROJECT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("PHIFORGE_OMNIGLOT") or PROJECT.parent / "shared" / "data" / "omniglot")

TASK_CLASSES = {
    "half": (2844, 400, 3248),
    "lake": (3456, 400, 2636),
    "random1200": (4400, 400, 1692),
    "vinyals": (4112, 688, 1692),
}
"""Of train, validation and test, with rotations."""


def real(tmp_path, **changes):
    """The real Omniglot, which is never downloaded."""
    config = OmniglotData(**changes)
    try:
        source = Omniglot(config, Settings(home=tmp_path, omniglot=FOLDER))
    except DataError as error:
        missing(f"{error}; the tests look where PHIFORGE_OMNIGLOT says")
    if config.split == "vinyals" and not (FOLDER / "splits" / "vinyals").is_dir():
        missing(f"{FOLDER} lacks the lists splits/vinyals/*.txt")
    return source


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The real Omniglot, built once; and what the build said of its progress."""
    told = []
    source = real(tmp_path_factory.mktemp("cache"))
    source.progress = lambda *each: told.append(each)
    return SimpleNamespace(dataset=source.build(), told=told)


def test_all_characters_are_there(built):
    # Given the real Omniglot, I expect 1623 characters of 50 alphabets, background first, and 20 drawings of each.
    classes = built.dataset.classes
    assert len(classes) == 1623
    assert len({each.name for each in classes}) == 1623
    assert len({each.name.split("/")[1] for each in classes}) == 50
    archives = [each.name.split("/")[0] for each in classes]
    assert archives == ["images_background"] * 964 + ["images_evaluation"] * 659
    assert [(each.first, each.drawings) for each in classes] == [(20 * index, 20) for index in range(1623)]
    assert classes[0].name == "images_background/Alphabet_of_the_Magi/character01"
    assert classes[-1].name == "images_evaluation/ULOG/character26"


def test_the_images(built):
    # Given the real Omniglot
    images = built.dataset.images
    # I expect 28 x 28 bytes: ink 255 on paper 0 with grey between, as a filter that weighs pixels leaves them.
    assert images.shape == (1623 * 20, 1, 28, 28)
    assert images.dtype == np.uint8
    flat = images.reshape(len(images), -1)
    assert flat.max(axis=1).min() > 100
    assert np.median(flat, axis=1).max() < 128
    assert 0.02 < flat.mean() / 255 < 0.2
    assert set(np.unique(flat)) == set(range(256))
    assert np.mean((flat > 0) & (flat < 255)) > 0.1
    # and no image twice, but for one that Omniglot itself has twice, in Braille.
    assert len({image.tobytes() for image in flat}) == len(flat) - 1


def test_the_build_tells_how_far_it_is(built):
    # Given the build, I expect it to have told what it does, from nothing up to almost all.
    assert [done for _, done, _ in built.told] == list(range(0, 1623, 50))
    assert {(what, total) for what, _, total in built.told} == {("reading Omniglot", 1623)}


@pytest.mark.parametrize("split", TASK_CLASSES)
@pytest.mark.parametrize("rotations", [True, False])
def test_splits(built, tmp_path, split, rotations):
    # Given the characters and a way to split them
    number_of = {each.name.partition("/")[2]: number for number, each in enumerate(built.dataset.classes)}
    # If they are split
    found = real(tmp_path, split=split, rotations=rotations)._split(number_of)
    # I expect as many task classes as published, none twice, and no character on two sides.
    assert tuple(found) == SPLITS
    assert tuple(len(set(found[name])) for name in SPLITS) == tuple(
        count if rotations else count // 4 for count in TASK_CLASSES[split]
    )
    assert tuple(len(found[name]) for name in SPLITS) == tuple(len(set(found[name])) for name in SPLITS)
    sides = Counter(character for name in SPLITS for character in {each.source for each in found[name]})
    assert set(sides.values()) == {1}
    assert set(sides) == set(range(1623))
    # and every character that is turned to be turned four ways.
    turns = Counter(each.source for name in SPLITS for each in found[name])
    assert set(turns.values()) == {4 if rotations else 1}


def test_the_built_dataset_has_the_split_of_its_config(built):
    # Given the default config, I expect the split 'half' with rotations.
    found = tuple(len(built.dataset.splits[name]) for name in SPLITS)
    assert found == TASK_CLASSES["half"]


def test_the_fingerprint_names_archives_and_lists(built, tmp_path):
    # Given the published lists, I expect their hashes among what the images depend on, and the archives' as before.
    found = real(tmp_path, split="vinyals").fingerprint()
    assert found.items() >= built.dataset.source.items()
    assert set(found) == {*SHA256, *SPLITS}
    assert set(built.dataset.source) == set(SHA256)
