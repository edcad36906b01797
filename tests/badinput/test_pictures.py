"""Folders and zips that are no dataset of pictures: each is refused before anything is queued, whatever it is up to."""

import io
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from client.submission import submit
from phiforge.errors import DataError, SpecError
from phiforge.platform import Platform
from phiforge.settings import Settings
from phiforge.spec.checks import DatasetFacts
from phiforge.spec.data import ImagesData
from phiforge.spec.read import parse_spec
from phiforge.store import LocalStore
from sampler.datasets import files, images, load, prepare
from sampler.datasets.images import Images, decode
from sampler.service import Sampler
from tests.badinput.pictures import classes, picture, png_that_claims, png_with_text_bomb, write_folder, write_zip
from trainer.job import Trainer


class Wrong(NamedTuple):
    """How to make a place that is no dataset in an empty folder, and what the error must say."""

    name: str
    make: Callable[[Path], Path | None]
    expected: str


def folder_with(changes: dict[str, bytes], **kept: int) -> Callable[[Path], Path]:
    return lambda place: write_folder(place / "own", classes(**kept) | changes)


def zip_with(changes: dict[str, bytes], **kept: int) -> Callable[[Path], Path]:
    return lambda place: write_zip(place / "own.zip", classes(**kept) | changes)


def link_in(target: str, name: str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        folder = write_folder(place / "own", classes())
        (folder / name).symlink_to(target)
        return folder

    return make


def pipe_in(place: Path) -> Path:
    folder = write_folder(place / "own", classes())
    os.mkfifo(folder / "class00" / "endless.png")
    return folder


def truncated_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    path.write_bytes(path.read_bytes()[:-200])
    return path


def damaged_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes(), zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(bytes(data))
    return path


def zip_of_a_link(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("class00/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return path


def zip_with_a_doubled_name(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("class00/0.png", picture(1))
    return path


def encrypted_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        data[at + offset] |= 1
    path.write_bytes(bytes(data))
    return path


def zip_bomb(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes() | {"class00/bomb.png": b"\0" * 100_000_000})
    assert path.stat().st_size < 200_000
    return path


def sixteen_bits() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 1e9, np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


PLACES = [
    # what the setting names
    Wrong("no place", lambda place: None, "needs PHIFORGE_IMAGES"),
    Wrong("a place that is not there", lambda place: place / "nowhere", "nowhere is not there: allowed are"),
    Wrong("a device", lambda place: Path("/dev/null"), "/dev/null is no plain file: allowed are a folder and a zip"),
    Wrong("a file that is no zip", lambda place: write_folder(place, {"a.txt": b"text"}) / "a.txt", "a.txt is damaged"),
    Wrong("an empty file", lambda place: write_folder(place, {"a.zip": b""}) / "a.zip", "a.zip is damaged"),
    Wrong("a truncated zip", truncated_zip, "own.zip is damaged"),
    Wrong("a damaged zip", damaged_zip, "in .*own.zip is damaged: Bad CRC-32"),
    Wrong("an encrypted zip", encrypted_zip, "is encrypted: allowed are plain files"),
    # classes
    Wrong("an empty folder", lambda place: write_folder(place / "own", {"x": b""}).parent / "none", "is not there"),
    Wrong("no class", lambda place: (place / "own").mkdir() or place / "own", "holds no class: expected one folder a"),
    Wrong(
        "an empty zip", lambda place: write_zip(place / "own.zip", {}), "holds no class: expected one folder a class"
    ),
    Wrong("a zip of something else", zip_with({"docs/a.txt": b"text"}, count=0), "'docs/a.txt' in .* is no picture"),
    Wrong("one picture a class", folder_with({}, pictures=1), "6 classes of .* have fewer than 2 pictures.*class00"),
    Wrong("one class of one picture", zip_with({"poor/0.png": picture(1)}), "1 classes of .* fewer than 2 .*: poor"),
    Wrong("two classes", folder_with({}, count=2), "2 classes cannot be split into 1 for validation, 1 for testing"),
    Wrong("pictures beside the classes", folder_with({"stray.png": picture(1)}), "'stray.png' .* not in the folder"),
    Wrong("classes in classes", folder_with({"class00/deep/0.png": picture(1)}), "deep/0.png' .* not in the folder"),
    Wrong("a text among pictures", folder_with({"class00/notes.txt": b"x"}), "notes.txt' in .* is no picture"),
    Wrong("one picture in two classes", folder_with({"class01/again.png": picture(0)}), "are the same picture"),
    Wrong("one picture twice in a class", zip_with({"class00/again.png": picture(0)}), "are the same picture"),
    Wrong("a name twice in a zip", zip_with_a_doubled_name, "holds 'class00/0.png' 2 times: allowed is once"),
    # names that lead elsewhere
    Wrong("a path up", zip_with({"../../evil/0.png": picture(1)}), r"'\.\./\.\./evil/0.png' in .* is no name of a"),
    Wrong("a path up inside", zip_with({"class00/../../0.png": picture(1)}), "is no name of a file"),
    Wrong("an absolute path", zip_with({"/etc/cron.d/0.png": picture(1)}), "'/etc/cron.d/0.png' in .* is no name of a"),
    Wrong("a drive", zip_with({"C:/x/0.png": picture(1)}), "'C:/x/0.png' in .* is no name of a file in it"),
    Wrong("backslashes", zip_with({"..\\evil\\0.png": picture(1)}), "is no name of a file"),
    Wrong("no name", zip_with({"class00//0.png": picture(1)}), "is no name of a file"),
    Wrong("a name to confuse terminals", zip_with({"class00/\x1b[31m.png": picture(1)}), "is no name of a file"),
    Wrong("a name that reads backwards", zip_with({"class00/\u202egnp.png": picture(1)}), "is no name of a file"),
    Wrong(
        "a folder name that is no text",
        folder_with({os.fsdecode(b"\xff") + "/0.png": picture(1)}),
        "is no name of a file",
    ),
    Wrong("a link to a file", link_in("/etc/passwd", "class00/link.png"), "link.png is a link: allowed are"),
    Wrong("a link to a folder", link_in("/", "class99"), "class99 is a link: allowed are folders and plain files"),
    Wrong("a link to itself", link_in("class00", "class00/loop"), "loop is a link"),
    Wrong("a link in a zip", zip_of_a_link, "'class00/link.png' in .* is a link: allowed are plain files"),
    Wrong("a pipe that never ends", pipe_in, "endless.png is no plain file"),
    # pictures
    Wrong("no picture", folder_with({"class00/x.png": b"text"}), "'class00/x.png' is unreadable"),
    Wrong("an empty picture", zip_with({"class00/x.png": b""}), "'class00/x.png' is unreadable"),
    Wrong("half a PNG", folder_with({"class00/x.png": picture(1)[:-300]}), "'class00/x.png' is unreadable"),
    Wrong("half a JPEG", folder_with({"class00/x.jpg": picture(1, kind="JPEG")[:-200]}), "x.jpg' is unreadable"),
    Wrong("a picture of another kind", folder_with({"class00/x.png": sixteen_bits()}), "'class00/x.png' is unreadable"),
    Wrong("SVG", folder_with({"class00/x.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}), "is unreadable"),
    Wrong("PostScript", folder_with({"class00/x.png": b"%!PS-Adobe-3.0 EPSF-3.0\n"}), "is unreadable"),
    # bombs
    Wrong(
        "a PNG of 65000 x 65000", folder_with({"class00/x.png": png_that_claims(65000, 65000)}), "is a decompression"
    ),
    Wrong("a PNG of 9000 x 9000", folder_with({"class00/x.png": png_that_claims(9000, 9000)}), "9000 x 9000: more"),
    Wrong("a PNG with a bomb in a comment", folder_with({"class00/x.png": png_with_text_bomb()}), "is unreadable"),
    Wrong("a zip bomb", zip_bomb, "unpacks to 100000000 bytes from .*: a bomb"),
]


@pytest.mark.parametrize("wrong", PLACES, ids=lambda wrong: wrong.name)
def test_refused(wrong, tmp_path):
    # Given a place that is no dataset, and a store
    place = wrong.make(tmp_path)
    store = LocalStore(tmp_path / "store")
    before = sorted(tmp_path.rglob("*"))
    # If a run wants it, I expect an error that says what is wrong and what is allowed,
    with pytest.raises((DataError, SpecError), match=wrong.expected):
        prepare(ImagesData(), Settings(images=place, home=tmp_path / "home"), store)
    # nothing published, and nothing written anywhere.
    assert list(store.list("")) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    # Given limits that a few pictures pass, I expect each to be refused by its own.
    folder = write_folder(tmp_path / "own", classes())
    archive = write_zip(tmp_path / "own.zip", classes())
    for place in (folder, archive):
        for module, name, limit, expected in (
            (images, "MOST_FILES", 10, "more than 10|24 files: more than 10"),
            (images, "MOST_BYTES", 100, "are more than 100 bytes: lower data.image_size"),
            (files, "MOST_FILE_BYTES", 100, "more than 100"),
        ):
            with monkeypatch.context() as patch:
                patch.setattr(module, name, limit)
                with pytest.raises(DataError, match=expected):
                    prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store"))
    monkeypatch.setattr(files, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="more than 1000 is a bomb"):
        Images(ImagesData(), archive)


def test_folder_and_zip_are_the_same_dataset(tmp_path):
    # Given the same pictures in a folder, in another with what systems leave behind, and in two zips
    own = classes(count=10)
    rubbish = {"class00/.DS_Store": b"x", "Thumbs.db": b"x", "__MACOSX/class00/._0.png": b"x", ".git/x/y": b"z"}
    places = [
        write_folder(tmp_path / "a", own),
        write_folder(tmp_path / "b", own | rubbish),
        write_zip(tmp_path / "c.zip", own | rubbish),
        write_zip(tmp_path / "d.zip", {f"holidays/{name}": data for name, data in own.items()}, zipfile.ZIP_STORED),
    ]
    # If they are published, I expect one digest: where and how they lie does not matter;
    facts = [prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store")) for place in places]
    assert len({each.digest for each in facts}) == 1
    assert facts[0].input_shape == (1, 28, 28)
    assert facts[0].classes == {"train": 6, "validation": 2, "test": 2}
    # and another for a picture more, another name, another seed or colour.
    another = [
        (own | {"class00/9.png": picture(999)}, {}),
        ({name.replace("class00", "class0x"): data for name, data in own.items()}, {}),
        (own, {"split_seed": 1}),
        (own, {"colour": "rgb"}),
    ]
    for number, (changed, config) in enumerate(another):
        place = write_folder(tmp_path / f"other{number}", changed)
        digest = prepare(ImagesData(**config), Settings(images=place), LocalStore(tmp_path / "store")).digest
        assert digest != facts[0].digest


def test_splits_are_by_class_and_seed(tmp_path):
    # Given ten classes of different numbers of pictures, turned
    own = classes(count=10) | {f"class09/more{n}.png": picture(5000 + n) for n in range(3)}
    place = write_folder(tmp_path / "own", own)
    store = LocalStore(tmp_path / "store")
    built = {
        seed: load(prepare(ImagesData(split_seed=seed, rotations=True), Settings(images=place), store).digest, store)
        for seed in (0, 1)
    }
    # I expect every class on one side, with its turns, and all its pictures,
    for dataset in built.values():
        sides = [{each.source for each in dataset.splits[split]} for split in ("train", "validation", "test")]
        assert [len(side) for side in sides] == [6, 2, 2]
        assert set.union(*sides) == set(range(10))
        assert sum(each.drawings for each in dataset.classes) == len(dataset.images) == 43
        assert [each.drawings for each in dataset.classes] == [4] * 9 + [7]
        assert [len(dataset.splits[split]) for split in ("train", "validation", "test")] == [24, 8, 8]
    # and another seed to split otherwise.
    assert built[0].splits != built[1].splits


def test_a_class_with_too_few_for_the_task(tmp_path):
    # Given classes of four pictures, if tasks want six, I expect what the spec may ask for.
    place = write_folder(tmp_path / "own", classes(count=10))

    def facts_of(data):
        facts = prepare(data, Settings(images=place), LocalStore(tmp_path / "store"))
        return DatasetFacts(facts.classes, facts.drawings)

    with pytest.raises(SpecError, match="1 \\+ 5 = 6, but a class of the train split has 4 drawings"):
        parse_spec({"data": {"name": "images"}}, facts_of)
    with pytest.raises(SpecError, match="5 ways, but the test split has 2 classes"):
        parse_spec({"data": {"name": "images"}, "task": {"n_query": 1}}, facts_of)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


GREY = ImagesData(image_size=8)
RGB = ImagesData(image_size=8, colour="rgb")
ALMOST = 2
"""Grey levels that filters and colour spaces may round away."""


@pytest.mark.parametrize(
    ("name", "data", "config", "expected"),
    [
        ("1 bit", saved(Image.new("1", (16, 16), 1)), GREY, 255),
        ("grey", saved(Image.new("L", (16, 16), 77)), GREY, 77),
        ("grey for colour", saved(Image.new("L", (16, 16), 77)), RGB, (77, 77, 77)),
        ("16 bits", saved(Image.fromarray(np.full((16, 16), 77 * 257, np.uint16))), GREY, 77),
        ("colour", saved(Image.new("RGB", (16, 16), (10, 20, 30))), RGB, (10, 20, 30)),
        ("colour for grey", saved(Image.new("RGB", (16, 16), (0, 255, 0))), GREY, 150),
        ("a palette", saved(Image.new("RGB", (16, 16), (10, 20, 30)).convert("P", palette=1)), RGB, (10, 20, 30)),
        ("transparent", saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0))), RGB, (255, 255, 255)),
        ("half transparent", saved(Image.new("LA", (16, 16), (0, 128))), GREY, 127),
        ("JPEG", saved(Image.new("RGB", (16, 16), (10, 20, 30)), "JPEG", quality=95), RGB, (10, 20, 30)),
        ("CMYK", saved(Image.new("CMYK", (16, 16), (0, 0, 0, 255)), "JPEG", quality=95), GREY, 0),
        ("WEBP", saved(Image.new("RGB", (16, 16), (10, 20, 30)), "WEBP", lossless=True), RGB, (10, 20, 30)),
        ("GIF", saved(Image.new("L", (16, 16), 77), "GIF"), GREY, 77),
        ("BMP", saved(Image.new("L", (16, 16), 77), "BMP"), GREY, 77),
        ("tiny", saved(Image.new("L", (1, 1), 77)), GREY, 77),
        ("narrow", saved(Image.new("L", (1, 300), 77)), GREY, 77),
    ],
)
def test_pictures_of_every_kind(name, data, config, expected):
    # Given a picture of one colour, I expect that colour, whatever it was saved as.
    found = decode(name, data, config).astype(int)
    assert found.shape == (config.channels, 8, 8)
    assert np.abs(found - np.asarray(expected).reshape(-1, 1, 1)).max() <= (8 if name == "a palette" else ALMOST)


def test_pictures_are_upright_and_square():
    # Given a wide picture, black on its left half and white on its right, saved lying on its side, with a note of that
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:, 16:] = 255
    turned = Image.fromarray(np.rot90(pixels))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    # I expect the middle square of it, the right way up.
    found = decode("x", saved(turned, "JPEG", exif=exif, quality=95), GREY)[0].astype(int)
    assert found[:, :3].max() < 40
    assert found[:, -3:].min() > 215


def test_small_pictures_are_means_of_large_ones():
    # Given a board of single black and white pixels, I expect grey: no pixel is left out, as nearest neighbour would.
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    found = decode("x", saved(Image.fromarray(board.astype(np.uint8))), GREY)
    assert 110 < found.min() <= found.max() < 145


def test_the_folder_itself_may_be_a_link(tmp_path):
    # Given a link to a dataset, I expect the dataset.
    folder = write_folder(tmp_path / "own", classes())
    (tmp_path / "link").symlink_to(folder)
    assert Images(GREY, tmp_path / "link").fingerprint() == Images(GREY, folder).fingerprint()


@pytest.mark.services
@pytest.mark.parametrize(("colour", "channels"), [("grey", 1), ("rgb", 3)])
def test_they_can_be_learned_from(settings: Settings, tmp_path: Path, colour: str, channels: int) -> None:
    # Given pictures of ten classes
    place = write_folder(tmp_path / "own", classes(count=10))
    platform = Platform.open(settings.model_copy(update={"images": place}))
    spec = {
        "data": {"name": "images", "colour": colour, "image_size": 16},
        "task": {"n_way": 2, "k_shot": 1, "n_query": 2},
        "learner": {"name": "prototypical", "network": {"name": "conv4", "channels": 8}},
        "outer": {"versions": 2, "meta_batch": 2, "job_size": 1},
        "evaluation": {"every": 2, "validation_tasks": 2, "test_tasks": 2},
    }
    # If a run learns from them, whose services have not the pictures but what was published
    run = submit(platform, spec)
    shutil.rmtree(place)
    Sampler(platform).sample_training(run, 0, sent_at=0)
    for job in range(2):
        Trainer(platform).handle(run, 0, job, sent_at=0)
    # I expect its first version, of so many channels.
    state = platform.exchange.state(run)
    assert state
    assert state.head == 1
    assert platform.run(run).input_shape == (channels, 16, 16)
    platform.close()
