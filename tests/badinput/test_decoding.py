"""A picture of any kind is decoded to the same pixels: upright, square and small."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.badinput.pictures import GREY, RGB, decode


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


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
