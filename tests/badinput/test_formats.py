"""Pictures of every kind that Pillow or a well-kept plugin reads, and what is said of the others."""

import importlib.util
import io
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, features

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import GREY, RGB, classes, decode, picture, write_folder

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF; 11.3 or later does")

needs_jpeg_2000 = pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow reads no JPEG 2000")


@pytest.fixture(autouse=True)
def _asked_anew():
    """Forget which formats can be read, before a test and after it."""
    formats.readable.cache_clear()
    yield
    formats.readable.cache_clear()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (16, 16), colour)


def jpeg_2000(image: Image.Image) -> bytes:
    return saved(image, "JPEG2000") if features.check("jpg_2000") else b""


def avif(image: Image.Image) -> bytes:
    return saved(image, "AVIF", quality=100) if features.check("avif") else b""


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("tif", saved(plain((10, 20, 30)), "TIFF")),
        ("TIFF", saved(plain((10, 20, 30)), "TIFF", compression="tiff_lzw")),
        ("jfif", saved(plain((10, 20, 30)), "JPEG", quality=95)),
        ("jpg", saved(plain((10, 20, 30)), "MPO", save_all=True, append_images=[plain((9, 9, 9))], quality=95)),
        ("jpe", saved(plain((10, 20, 30)), "JPEG", quality=95)),
        ("ppm", saved(plain((10, 20, 30)), "PPM")),
        ("ico", saved(plain((10, 20, 30)), "ICO", sizes=[(16, 16)])),
        ("apng", saved(plain((10, 20, 30)), "PNG", save_all=True, append_images=[plain((9, 9, 9))])),
        pytest.param("jp2", jpeg_2000(plain((10, 20, 30))), marks=needs_jpeg_2000),
        pytest.param("avif", avif(plain((10, 20, 30))), marks=needs_avif),
    ],
)
def test_a_picture_of_any_kind_is_taken(suffix, data, tmp_path):
    # Given a class with such a picture, I expect its colour among the images.
    place = write_folder(tmp_path / "own", classes() | {f"class00/x.{suffix}": data})
    store = LocalStore(tmp_path / "store")
    dataset = load(prepare(RGB, Settings(images=place), store).digest, store)
    assert dataset.classes[0].drawings == 5
    found = dataset.images[4].astype(int)
    assert np.abs(found - np.asarray((10, 20, 30)).reshape(3, 1, 1)).max() <= 3


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", pytest.param("AVIF", marks=needs_avif)])
def test_of_several_frames_the_first_is_taken(kind):
    # Given a picture of a light frame and dark ones, I expect the light one.
    light, *dark = (Image.new("RGB", (16, 16), (grey, grey, grey)) for grey in (200, 60, 10))
    lossless = {"lossless": True} if kind == "WEBP" else {}
    found = decode("x", saved(light, kind, save_all=True, append_images=dark, **lossless), GREY).astype(int)
    assert np.abs(found - 200).max() <= 3


def test_sixteen_bits_of_a_tiff():
    # Given a TIFF of 16 bits, as microscopes write, I expect its upper 8.
    assert (decode("x", saved(Image.fromarray(np.full((9, 9), 77 * 257, np.uint16)), "TIFF"), GREY) == 77).all()


def test_heic_without_its_package(tmp_path, monkeypatch):
    # Given no package that reads HEIC, if a folder holds one, I expect which package to install.
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    place = write_folder(tmp_path / "own", classes() | {"class00/x.HEIC": HEIC})
    with pytest.raises(
        DataError, match=r"'class00/x.HEIC' is unreadable.*HEIC needs a package: pip install pillow-heif"
    ):
        prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store"))


def test_heic_with_its_package(monkeypatch):
    # Given the package, stood in for by one that teaches Pillow a format of that name
    plugin = ModuleType("pillow_heif")

    def register() -> None:
        Image.register_open(
            "HEIF", lambda file, name: Image.open(io.BytesIO(picture(5))), lambda start: start[4:8] == b"ftyp"
        )

    plugin.register_heif_opener = register
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    monkeypatch.setattr(Image, "OPEN", {name: opener for name, opener in Image.OPEN.items() if name != "HEIF"})
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    # I expect a HEIC to be read by it.
    assert (decode("x.heic", HEIC, GREY) == decode("x.png", picture(5), GREY)).all()


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="pip install pillow-heif")
def test_heic_of_a_telephone():
    # Given a HEIC and the package, I expect its colour.
    assert "HEIF" in formats.readable()
    found = decode("x.heic", saved(Image.new("RGB", (64, 64), (10, 20, 30)), "HEIF", quality=100), RGB).astype(int)
    assert np.abs(found - np.asarray((10, 20, 30)).reshape(3, 1, 1)).max() <= 4
