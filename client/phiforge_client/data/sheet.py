"""A contact sheet: some pictures of each class, as the network sees them."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from phiforge.tasks.datasets.bases.dataset import SPLITS
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected, Kept
from phiforge.tasks.datasets.images import Images

CLASSES, PICTURES = 40, 12
"""Rows and columns of a sheet, at most."""
_SIDE, _GAP, _MARGIN, _LETTERS = 64, 4, 260, 34


def shown_classes(found: Inspected) -> list[Kept]:
    """Return the classes of a sheet: all, or evenly many of each split, the first ones by name."""
    splits = [[each for each in found.of(split) if each.pictures] for split in (*SPLITS, "")]
    there = [classes for classes in splits if classes]
    most = max(1, CLASSES // max(len(there), 1)) if sum(map(len, there)) > CLASSES else CLASSES
    return [each for classes in there for each in classes[:most]]


def write_sheet(file: Path, source: Images, classes: Sequence[Kept]) -> None:
    """Write a PNG with a row for each class: its split, its name, and some of its pictures, not smoothed.

    Args:
        file: where it is written.
        source: reads the pictures as the network will see them.
        classes: which are shown.
    """
    paths = [path for each in classes for path in each.pictures[:PICTURES]]
    images = iter(source.looked_at(paths))
    columns = max((len(each.pictures[:PICTURES]) for each in classes), default=1)
    sheet = Image.new("RGB", (_MARGIN + columns * (_SIDE + _GAP), _GAP + len(classes) * (_SIDE + _GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), _font()
    for row, each in enumerate(classes):
        top = _GAP + row * (_SIDE + _GAP)
        draw.text((_GAP, top + 8), f"{each.split or 'no split'}\n{_brief(each.name)}", fill="black", font=font)
        for column in range(len(each.pictures[:PICTURES])):
            sheet.paste(_tile(next(images)), (_MARGIN + column * (_SIDE + _GAP), top))
    sheet.save(file, format="PNG")


def _tile(image: NDArray[np.uint8]) -> Image.Image:
    pixels = np.moveaxis(image, 0, 2) if len(image) == 3 else image[0]
    return Image.fromarray(pixels).convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def _font() -> ImageFont.FreeTypeFont:
    """Return a font of many scripts, which comes with matplotlib."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 13)


def _brief(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
