"""Transparent pictures are put on paper on which they show; pictures that show nothing are told of."""

import io

import numpy as np
import pytest
from PIL import Image

from phiforge.base.settings import Settings
from phiforge.runs.datasets import prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.images import ImagesData
from tests.badinput.pictures import GREY, classes, decode, heard, write_folder


def drawing(ink: tuple[int, ...], size: int = 16, at: tuple[int, int, int, int] = (2, 2, 9, 14)) -> Image.Image:
    """Return a box of ``ink`` on transparency."""
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    image.paste(ink, at)
    return image


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 255, 255, 255), 0),
        ((250, 245, 244, 255), 0),
        ((255, 255, 255, 90), 0),
        ((200, 200, 200, 255), 255),
        ((255, 255, 0, 255), 255),
        ((0, 0, 0, 255), 255),
        ((0, 0, 0, 90), 255),
    ],
)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_ink_shows(ink, paper, mode):
    # Given a drawing on transparency, in ink of some colour
    found = decode("x", png(drawing(ink).convert(mode)), GREY)[0].astype(int)
    # I expect white paper or, for ink that would not show on it, black; either way the ink is seen.
    assert found[0, 7] == found[-1, -1] == paper
    assert found.max() - found.min() > 20


def test_soft_edges_and_noise_do_not_decide():
    # Given a white drawing with soft edges and one dark speck in a thousand, I expect black paper;
    image = drawing((255, 255, 255, 255), 200, (20, 20, 160, 160))
    image.putpixel((50, 50), (0, 0, 0, 255))
    assert decode("x", png(image.resize((300, 300))), GREY)[0, 0, -1] == 0
    # with an outline that is dark, white.
    outlined = drawing((0, 0, 0, 255), 200, (17, 17, 163, 163))
    outlined.paste((255, 255, 255, 255), (20, 20, 160, 160))
    assert decode("x", png(outlined), GREY)[0, 0, -1] == 255


def test_a_palette_and_a_colour_that_is_transparent():
    # Given a white drawing whose transparency is one colour of a palette, or of a greyscale, I expect black paper.
    pixels = np.zeros((16, 16), np.uint8)
    pixels[2:14, 2:9] = 255
    grey = Image.fromarray(pixels)
    palette = grey.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=2)
    for image, transparent in ((grey, 0), (palette, palette.getpixel((15, 15)))):
        found = decode("x", png(image, transparency=transparent), GREY)[0]
        assert found[-1, -1] == 0
        assert found.max() > 200


def test_flat_pictures_are_told_of(tmp_path):
    # Given pictures of one colour all over, among them one that is transparent all over
    blank = {
        "class00/a.png": png(Image.new("L", (9, 9), 7)),
        "class01/b.png": png(Image.new("RGBA", (8, 9), (0, 0, 0, 0))),
    }
    place, said = write_folder(tmp_path / "own", classes() | blank), []
    # If they are published, I expect a warning with their number and names, once.
    prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store"), heard(said))
    assert said == [
        "2 pictures are of one colour all over once small, so that nothing can be told from it: 'class00/a.png', "
        "'class01/b.png'"
    ]
