"""Pictures that tests draw, as a person would have them: dark letters on white paper, one folder a class."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FACES = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSerif-Italic", "DejaVuSansMono", "DejaVuSans-Oblique")
_FOLDER = Path(mpl.get_data_path()) / "fonts" / "ttf"


def letter(character: str, number: int = 0, side: int = 96) -> Image.Image:
    """Return a letter, drawn by one of several faces, a little beside the middle."""
    font = ImageFont.truetype(_FOLDER / f"{FACES[number % len(FACES)]}.ttf", side * 2 // 3)
    image = Image.new("RGB", (side, side), "white")
    left, top, right, bottom = font.getbbox(character)
    aside = np.random.default_rng(number).integers(-3, 4, 2)
    place = ((side - left - right) / 2 + aside[0], (side - top - bottom) / 2 + aside[1])
    ImageDraw.Draw(image).text(place, character, fill="black", font=font)
    return image


def folders(place: Path, characters: str, numbers: range) -> Path:
    """Draw each of ``characters`` so many times, in a folder of its own, and return the folder around them."""
    for character in characters:
        folder = place / character
        folder.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            letter(character, number).save(folder / f"{number}.png")
    return place
