"""A drawing that is unreadable, missing or one too many is refused, with the name of its character."""

import zipfile

import numpy as np
import pytest

from phiforge.base.errors import DataError
from phiforge.tasks.datasets import omniglot
from tests.integration.omniglot.small import PAPER, png, read, write_zips


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
            image = omniglot._decode(
                omniglot.Character("images_background", "Bee/character01", [], []),
                flipped,
                omniglot.Omniglot.preprocessing(omniglot.OmniglotData()),
            )
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
