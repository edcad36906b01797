"""All that is wrong with a folder of pictures is one error; two settings leave the wrong ones out, and say so."""

import io

import numpy as np
import pytest
from PIL import Image

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.registry.section import RECORDED
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.spec.schema import recorded, schema_of
from phiforge.tasks.datasets.bases.problems import MOST_NAMED
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import classes, heard, picture, write_folder

LENIENT = ImagesData(unreadable="skip", duplicates="keep_first")
BROKEN = {f"class0{number}/broken{number}.png": picture(1)[:-300] for number in range(3)}
AGAIN = {
    "class01/again.png": picture(0),
    "class02/again.png": picture(0),
    "class03/again.png": picture(300),
}


def resaved(data: bytes, kind: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def published(files, config, tmp_path, said=None):
    store = LocalStore(tmp_path / "store")
    place = write_folder(tmp_path / "own", files)
    return load(prepare(config, Settings(images=place), store, None if said is None else heard(said)).digest, store)


def refused(files, config, tmp_path) -> str:
    with pytest.raises(DataError) as caught:
        published(files, config, tmp_path)
    return str(caught.value)


def test_all_problems_are_one_error(tmp_path):
    # Given broken pictures, pictures in several places, classes of too few and pictures out of place
    few = {"poor/only.png": picture(9000), "twins/a.png": picture(9001), "twins/b.png": picture(9001)}
    stray = {"stray.png": picture(9002), "class00/deep/x.png": picture(9003)}
    # I expect each kind once, with its number and its places, and what to do.
    told = refused(classes() | BROKEN | AGAIN | few | stray, ImagesData(), tmp_path)
    assert "it has 4 problems" in told
    assert "2 pictures are not in the folder of a class: 'class00/deep/x.png', 'stray.png'" in told
    assert "3 pictures cannot be read: picture 'class00/broken0.png' is unreadable: " in told
    assert "or leave them out: --skip-unreadable" in told
    assert "3 pictures stand in several places (7 files)" in told
    assert (
        "'class00/0.png' = 'class01/again.png' = 'class02/again.png' (classes 'class00', 'class01', 'class02')" in told
    )
    assert "'class03/0.png' = 'class03/again.png' (class 'class03')" in told
    assert "or keep the first: --keep-first-of-duplicates" in told
    assert "2 classes have fewer than 2 pictures" in told
    assert "'poor' (1), 'twins' (1)" in told


def test_too_few_classes_are_told_with_the_rest(tmp_path):
    # Given two classes and a broken picture, I expect both problems.
    told = refused(classes(count=2) | {"class00/x.png": b"text"}, ImagesData(), tmp_path)
    assert "2 classes cannot be split" in told
    assert "'class00/x.png' is unreadable" in told


def test_the_error_is_short_however_much_is_wrong(tmp_path):
    # Given hundreds of problems with long names
    broken = {f"class00/{'x' * 200}{number}.png": b"text" for number in range(400)}
    again = {f"class0{number % 6}/{number}{'y' * 200}.png": picture(0) for number in range(400)}
    # I expect their numbers, the first few of them, and a page at most.
    told = refused(classes() | broken | again, ImagesData(), tmp_path)
    assert "400 pictures cannot be read" in told
    assert f"and {400 - MOST_NAMED} more" in told
    assert "1 picture stands in several places (401 files)" in told
    assert "and 397 more (classes" in told
    assert len(told) < 6000


def test_what_is_wrong_can_be_left_out(tmp_path):
    # Given broken pictures, and pictures in several places
    said, once_more = [], []
    found = published(classes() | BROKEN | AGAIN, LENIENT, tmp_path, said)
    # If they may be left out, I expect the dataset that is left, with the first of each,
    assert [each.drawings for each in found.classes] == [4] * 6
    assert (found.images == published(classes(), ImagesData(), tmp_path / "plain").images).all()
    # what was left out to be said, by number and by name, again when the dataset is there already, and to be kept.
    assert said == [
        "left out 3 unreadable pictures: 'class00/broken0.png', 'class01/broken1.png', 'class02/broken2.png'",
        "left out 3 pictures that stand elsewhere: 'class01/again.png', 'class02/again.png', 'class03/again.png'",
    ]
    published(classes() | BROKEN | AGAIN, LENIENT, tmp_path, once_more)
    assert once_more == said
    assert found.source["left_out"].splitlines() == said


@pytest.mark.parametrize(
    ("config", "expected", "not_told"),
    [
        (ImagesData(unreadable="skip"), "stand in several places", "cannot be read"),
        (ImagesData(duplicates="keep_first"), "cannot be read", "several places"),
    ],
)
def test_each_is_left_out_by_its_own_setting(config, expected, not_told, tmp_path):
    # Given both kinds and one setting, I expect the other kind to be refused still;
    told = refused(classes() | BROKEN | AGAIN, config, tmp_path)
    assert expected in told
    assert not_told not in told


def test_a_class_that_leaving_out_made_too_small(tmp_path):
    # Given a class of which one picture can be read, I expect that leaving out does not help it.
    poor = {"poor/a.png": picture(9000), "poor/b.png": b"text"}
    assert "1 class has fewer than 2 pictures" in refused(classes() | poor, LENIENT, tmp_path)


def test_settings_that_change_nothing_change_no_dataset(tmp_path):
    # Given a folder with nothing wrong, I expect the same images and source, and the settings to be recorded.
    plain, lenient = (published(classes(), config, tmp_path / "x") for config in (ImagesData(), LENIENT))
    assert (plain.images == lenient.images).all()
    assert plain.source == lenient.source
    assert {"unreadable": "skip", "duplicates": "keep_first"}.items() <= recorded(LENIENT).items()
    assert ImagesData.model_validate({"name": "images"}, context=RECORDED) == ImagesData()
    assert (schema_of(ImagesData()), schema_of(LENIENT)) == (1, 2)


@pytest.mark.parametrize(
    "other",
    [
        resaved(picture(0), "BMP"),
        resaved(picture(0), "TIFF"),
        resaved(picture(0), "PNG", "RGBA"),
        resaved(picture(0), "TIFF", "RGBA"),
    ],
    ids=["BMP", "TIFF", "RGBA", "TIFF with alpha"],
)
def test_a_picture_is_the_same_whatever_it_was_saved_as(other, tmp_path):
    # Given a picture again in another class and another encoding, I expect it to be found.
    assert "'class00/0.png' = 'class05/other.tif'" in refused(
        classes() | {"class05/other.tif": other}, ImagesData(), tmp_path
    )


def test_grey_and_colour_of_the_same_picture(tmp_path):
    # Given a grey picture saved with one channel and with three, I expect the same picture;
    grey = resaved(picture(8000), "PNG", "L")
    own = classes() | {"class00/a.png": grey, "class01/b.bmp": resaved(grey, "BMP")}
    assert "'class00/a.png' = 'class01/b.bmp'" in refused(own, ImagesData(colour="rgb"), tmp_path)
    # of pictures that differ in one pixel, or in shape alone, none.
    pixels = np.full((12, 10), 90, np.uint8)
    pixels[3, 3] = 0
    near = pixels.copy()
    near[4, 4] = 91
    shapes = [pixels, near, pixels.reshape(10, 12)]
    own = classes()
    for number, each in enumerate(shapes):
        buffer = io.BytesIO()
        Image.fromarray(each).save(buffer, "PNG")
        own[f"class00/n{number}.png"] = buffer.getvalue()
    assert len(published(own, ImagesData(), tmp_path / "near").images) == 27


def test_what_is_no_picture_is_left_out_and_said(tmp_path):
    # Given notes, tables and a licence beside pictures, folders without a picture, and one that holds notes alone
    others = ["README.txt", "labels.csv", "LICENSE", "class00/notes.tmp", "papers/a.pdf", "papers/deep/b.pdf"]
    place = write_folder(tmp_path / "own", dict.fromkeys(others, b"x"))
    (place / "empty" / "deeper").mkdir(parents=True)
    said = []
    # If the pictures are published, I expect the same dataset as without them,
    found = published(classes(), ImagesData(), tmp_path, said)
    assert found.source == published(classes(), ImagesData(), tmp_path / "plain").source
    # and what was left out.
    assert said[0].startswith(
        "left out 6 files that are no pictures by name: 'LICENSE', 'README.txt', 'class00/notes.tmp', 'labels.csv', "
    )
    assert said[1:] == ["left out 2 folders without a picture: 'empty', 'papers'"]


def test_without_a_listener_the_log_is_told(tmp_path, caplog):
    # Given nobody who listens, I expect a warning in the log.
    published(classes() | {"README.txt": b"x"}, ImagesData(), tmp_path)
    assert "left out 1 file that is no picture by name: 'README.txt'" in caplog.text
