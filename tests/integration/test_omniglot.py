"""Omniglot: the real one is read whole and split as published, and archives that are not whole are refused."""

import hashlib
import io
import os
import threading
import zipfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phiforge.errors import DataError
from phiforge.spec.data import OmniglotData
from sampler.datasets import omniglot, splits
from sampler.datasets.dataset import SPLITS
from sampler.datasets.omniglot import DRAWINGS, SHA256, Omniglot
from tests.servers import missing

PROJECT = Path(__file__).parents[2]
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
        source = Omniglot(config, FOLDER, tmp_path)
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


SMALL = {
    "images_background": ("Ay/character01", "Ay/character02", "Bee/character01"),
    "images_evaluation": ("Cee/character01", "Cee/character02"),
}
"""Characters of an Omniglot made by hand, for everything that can be wrong with one."""
PAPER = np.random.default_rng(0).random((5, DRAWINGS, 105, 105)) > 0.2
"""Its drawings, in which ink is False, as in the real one."""
LISTS = {"train": ("Ay/character01", "Ay/character02"), "val": ("Bee/character01",), "test": SMALL["images_evaluation"]}


@contextmanager
def small_is_whole():
    """Let five characters be all, split into 2, 1 and 2 by the lists."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(omniglot, "CHARACTERS", {archive: len(names) for archive, names in SMALL.items()})
        patch.setattr(splits, "VINYALS_CHARACTERS", {"train": 2, "validation": 1, "test": 2})
        yield


def png(paper):
    buffer = io.BytesIO()
    Image.fromarray(paper).save(buffer, "PNG")
    return buffer.getvalue()


def small_files():
    """Every file of the small Omniglot by its name in its archive, by archive."""
    drawings = iter(PAPER)
    return {
        archive: {
            f"{archive}/{name}/{index:02}.png": png(paper)
            for name in names
            for index, paper in enumerate(next(drawings))
        }
        for archive, names in SMALL.items()
    }


def write_zips(folder, files):
    """Write archives as the published ones are: in no order, with an entry for each folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for archive, members in files.items():
        with zipfile.ZipFile(folder / f"{archive}.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"{archive}/", b"")
            for name in reversed(members):
                file.writestr(name, members[name])


def write_lists(folder):
    (folder / "splits" / "vinyals").mkdir(parents=True)
    for name, characters in LISTS.items():
        lines = [f"{character}/rot{90 * turn:03}" for character in characters for turn in range(4)]
        (folder / "splits" / "vinyals" / f"{name}.txt").write_text("\n".join(lines))


def read(folder, cache=Path("nowhere"), **changes):
    """Build the dataset of a small Omniglot."""
    with small_is_whole():
        return Omniglot(SMALL_CONFIG.model_copy(update=changes), folder, cache).build()


SMALL_CONFIG = OmniglotData(validation_characters=1, image_size=105)


@pytest.fixture
def files():
    """The files of a small Omniglot, to be changed."""
    return small_files()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a small Omniglot as zips, not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    write_zips(folder, small_files())
    write_lists(folder)
    return folder


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
            fingerprints.append(Omniglot(SMALL_CONFIG, folder, tmp_path).fingerprint())
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


# What is wrong with an archive is said, with its name.


@pytest.mark.parametrize("lacking", [tuple(SMALL), ("images_background",), ("images_evaluation",)])
def test_a_folder_without_an_archive(files, tmp_path, lacking):
    # Given a folder that lacks one archive or both
    write_zips(tmp_path, {archive: members for archive, members in files.items() if archive not in lacking})
    # If it is opened, I expect an error that names the setting, the folder and what was looked for; no download.
    expected = f"PHIFORGE_OMNIGLOT names {tmp_path}, where there is neither {lacking[0]}.zip nor {lacking[0]}/"
    with pytest.raises(DataError, match=expected):
        read(tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    # Given no folder, if it is opened, I expect the same error, and no folder.
    with pytest.raises(DataError, match="PHIFORGE_OMNIGLOT names"):
        read(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("damage", [0, 10, 0.1, 0.5, 0.999])
def test_a_zip_that_is_cut_short(files, tmp_path, damage):
    # Given an archive of which only the start is there
    write_zips(tmp_path, files)
    path = tmp_path / "images_evaluation.zip"
    data = path.read_bytes()
    path.write_bytes(data[: int(damage * len(data)) if damage < 1 else damage])
    # If it is read, I expect an error that names it and says what to do.
    with pytest.raises(DataError, match=f"{path} is damaged .*: delete it and try again"):
        read(tmp_path)


@given(data=st.data())
def test_a_zip_with_a_damaged_byte(whole, tmp_path_factory, data):
    # Given an archive with one byte changed, anywhere among the drawings
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "images_background.zip").symlink_to(whole / "images_background.zip")
    path = folder / "images_evaluation.zip"
    archive = bytearray((whole / "images_evaluation.zip").read_bytes())
    with zipfile.ZipFile(whole / "images_evaluation.zip") as file:
        member = data.draw(st.sampled_from([each for each in file.infolist() if each.filename.endswith(".png")]))
    first = member.header_offset + 30 + len(member.filename)
    where = data.draw(st.integers(first, first + member.compress_size - 1))
    archive[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(archive)
    # If it is read, I expect an error that names it, for drawings have checksums; a few bits mean nothing to a zip.
    try:
        found = read(folder)
    except DataError as error:
        assert f"{path} is damaged" in str(error)  # noqa: PT017
    else:
        np.testing.assert_array_equal(found.images[:, 0], np.where(PAPER, 0, 255).reshape(-1, 105, 105))


@given(data=st.data())
def test_a_zip_with_a_damaged_directory(whole, tmp_path_factory, data):
    # Given an archive with one byte changed in what says where its drawings are
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "images_background.zip").symlink_to(whole / "images_background.zip")
    archive = bytearray((whole / "images_evaluation.zip").read_bytes())
    where = data.draw(st.integers(archive.index(b"PK\x01\x02"), len(archive) - 1))
    archive[where] ^= data.draw(st.integers(1, 255))
    (folder / "images_evaluation.zip").write_bytes(archive)
    # If it is read, I expect all drawings (some bytes, as dates, mean nothing here) or an error on purpose.
    try:
        assert len(read(folder, image_size=8).images) == 5 * DRAWINGS
    except DataError as error:
        assert "images_evaluation" in str(error)  # noqa: PT017


@pytest.mark.parametrize("tree", [True, False])
@pytest.mark.parametrize("content", [b"", b"no image", png(PAPER[0, 0])[:100], png(PAPER[0, 0])[:-30]])
def test_an_unreadable_drawing(files, tmp_path, tree, content):
    # Given a drawing that is no image, or not all of one, in a zip that is in order, or in a tree
    files["images_background"]["images_background/Bee/character01/07.png"] = content
    write_zips(tmp_path, files)
    if tree:
        with zipfile.ZipFile(tmp_path / "images_background.zip") as file:
            file.extractall(tmp_path)
        (tmp_path / "images_background.zip").unlink()
    # If it is read, I expect an error that names its character.
    with pytest.raises(DataError, match="a drawing of Bee/character01 in images_background is unreadable"):
        read(tmp_path)


def test_a_drawing_with_a_flipped_bit():
    # Given a drawing with any one bit flipped, in a tree, where nothing but the image format guards it
    paper = np.full((105, 105), True)
    paper[30:40, 20:60] = False
    drawing = png(paper)
    for bit in range(8 * len(drawing)):
        flipped = bytearray(drawing)
        flipped[bit // 8] ^= 1 << bit % 8
        # If it is read, I expect an image, or an error that names the character, and nothing else.
        try:
            image = omniglot._decode(omniglot.Character("images_background", "Bee/character01", []), flipped, 28)
            assert image.shape == (28, 28)
        except DataError as error:
            assert "Bee/character01" in str(error)  # noqa: PT017


def test_a_character_with_too_few_drawings(files, tmp_path):
    # Given a character that lacks a drawing
    del files["images_evaluation"]["images_evaluation/Cee/character02/19.png"]
    write_zips(tmp_path, files)
    # If it is read, I expect an error that names it, how many it has and how many it should.
    with pytest.raises(DataError, match=r"images_evaluation\.zip .*Cee/character02 has 19 drawings, expected 20"):
        read(tmp_path)


def test_a_character_with_too_many_drawings(files, tmp_path):
    # Given a character with a drawing more
    files["images_background"]["images_background/Ay/character02/20.png"] = png(PAPER[0, 0])
    write_zips(tmp_path, files)
    # If it is read, I expect an error likewise.
    with pytest.raises(DataError, match=r"images_background\.zip .*Ay/character02 has 21 drawings, expected 20"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "count"), [("Cee/character02", 1), ("Cee/character03", 3)])
def test_too_few_or_too_many_characters(files, tmp_path, name, count):
    # Given an archive that lacks a character or has one more
    members = files["images_evaluation"]
    for index in range(DRAWINGS):
        if count < len(SMALL["images_evaluation"]):
            del members[f"images_evaluation/{name}/{index:02}.png"]
        else:
            members[f"images_evaluation/{name}/{index:02}.png"] = png(PAPER[0, index])
    write_zips(tmp_path, files)
    # If it is read, I expect an error that says how many there are and should be.
    with pytest.raises(DataError, match=rf"images_evaluation\.zip holds {count} characters, expected 2$"):
        read(tmp_path)


@pytest.mark.parametrize("stray", ["stray.png", "images_background/stray.png", "images_background/Ay/stray.png"])
def test_an_image_that_belongs_to_no_character(files, tmp_path, stray):
    # Given an archive with an image where none should be
    files["images_background"][stray] = png(PAPER[0, 0])
    write_zips(tmp_path, files)
    # If it is read, I expect an error that names the archive.
    with pytest.raises(DataError, match=r"images_background\.zip holds 4 characters, expected 3"):
        read(tmp_path)


def test_an_empty_archive(files, tmp_path):
    # Given archives without a drawing, as a zip and as a tree
    write_zips(tmp_path / "zip", {archive: {} for archive in files})
    for archive in files:
        (tmp_path / "tree" / archive).mkdir(parents=True)
    # If they are read, I expect an error.
    for folder in ("zip", "tree"):
        with pytest.raises(DataError, match="holds 0 characters, expected 3"):
            read(tmp_path / folder)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Keep quiet."""


@contextmanager
def served(folder):
    """Serve a folder; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_download(whole, tmp_path):
    # Given a server with the archives, whose hashes are known, and the lists
    hashes = {archive: hashlib.sha256((whole / f"{archive}.zip").read_bytes()).hexdigest() for archive in SMALL}
    config = SMALL_CONFIG.model_copy(update={"split": "vinyals"})
    with small_is_whole(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(omniglot, "SHA256", hashes)
        # If no folder is given, I expect the archives and lists to be downloaded, and to give the same dataset;
        with served(whole) as url:
            found = Omniglot(config, None, tmp_path, urls=(url, f"{url}/splits/vinyals")).build()
        expected = Omniglot(config, whole, tmp_path).build()
        np.testing.assert_array_equal(found.images, expected.images)
        assert (found.classes, found.splits, found.source) == (expected.classes, expected.splits, expected.source)
        # and, now that the server is gone, to be there still.
        again = Omniglot(config, None, tmp_path, urls=(url, f"{url}/splits/vinyals")).build()
        assert again.source == found.source


def test_a_download_of_something_else(whole, tmp_path):
    # Given a server whose archives are not Omniglot's, if they are downloaded, I expect an error, and nothing kept.
    with small_is_whole(), served(whole) as url, pytest.raises(DataError, match="its SHA-256 is"):
        Omniglot(SMALL_CONFIG, None, tmp_path, urls=(url, url))
    assert list((tmp_path / "omniglot").iterdir()) == []
