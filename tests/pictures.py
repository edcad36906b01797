"""Pictures for tests: a folder of each class, drawn from a seed."""

from pathlib import Path

import numpy as np
from PIL import Image


def draw_classes(place: Path, classes: int, pictures: int, side: int = 40, colours: bool = False) -> Path:
    """Write ``pictures`` different PNGs for each of ``classes`` classes, called ``class-00`` and so on."""
    for number in range(classes):
        for index in range(pictures):
            save(place / f"class-{number:02d}" / f"{index}.png", drawn(1000 * number + index, side, colours))
    return place


def drawn(seed: int, side: int = 40, colours: bool = False) -> Image.Image:
    """Return a picture of coarse blocks, which no other seed draws."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 5, 3 if colours else 1), np.uint8)
    image = Image.fromarray(blocks if colours else blocks[:, :, 0])
    return image.resize((side, side), Image.Resampling.NEAREST)


def save(path: Path, image: Image.Image) -> None:
    """Write a picture and the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
