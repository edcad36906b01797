"""Shapes: regular polygons and stars, whole or in outline, turned and moved a little in each drawing."""

import math
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydantic import Field

from phiforge.base.seeds import numpy_generator
from phiforge.registry import PartConfig
from phiforge.tasks.datasets.bases.dataset import Dataset, SourceClass, TaskClass
from phiforge.tasks.datasets.bases.source import DatasetSource

CONTENT = "shapes-1"
"""Names the drawing; change it when the drawing changes."""
TRAIN, VALIDATION = 12, 18
"""Where in the shuffled classes validation and testing begin."""


class Shape(NamedTuple):
    """A polygon of so many corners; a star if every other corner is drawn in."""

    corners: int
    star: bool
    filled: bool


SHAPES = tuple(Shape(*each) for each in product(range(3, 9), (False, True), (False, True)))


class ShapesConfig(PartConfig):
    """Settings of the drawings."""

    name: Literal["shapes"] = "shapes"
    drawings: int = Field(default=10, ge=2, le=100, description="Drawings of each shape.")
    image_size: int = Field(default=16, ge=8, le=64)


class Shapes(DatasetSource):
    """Draws 24 shapes."""

    Config = ShapesConfig
    config: ShapesConfig

    @classmethod
    def input_shape(cls, config: ShapesConfig) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return 1, config.image_size, config.image_size

    def fingerprint(self) -> dict[str, str]:
        """Return the name of the drawing."""
        return {"content": CONTENT}

    def build(self) -> Dataset:
        """Draw the dataset."""
        count = self.config.drawings
        images = np.stack([self._draw(shape, each) for shape in SHAPES for each in range(count)])
        classes = tuple(SourceClass(_name(shape), place * count, count) for place, shape in enumerate(SHAPES))
        order = [TaskClass(int(each), 0) for each in numpy_generator(CONTENT, "split").permutation(len(SHAPES))]
        splits = {
            "train": tuple(order[:TRAIN]),
            "validation": tuple(order[TRAIN:VALIDATION]),
            "test": tuple(order[VALIDATION:]),
        }
        return Dataset("shapes", images, classes, splits, self.fingerprint())

    def _draw(self, shape: Shape, drawing: int) -> NDArray[np.uint8]:
        generator, size = numpy_generator(CONTENT, _name(shape), drawing), self.config.image_size
        turn, radius = generator.uniform(0, 2 * math.pi), generator.uniform(0.3, 0.45) * size
        middle = size / 2 + generator.uniform(-0.05, 0.05, 2) * size
        points = shape.corners * (2 if shape.star else 1)
        outline = []
        for point in range(points):
            angle, reach = turn + 2 * math.pi * point / points, radius * (0.4 if shape.star and point % 2 else 1)
            outline.append((middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle)))
        image = Image.new("L", (size, size))
        ImageDraw.Draw(image).polygon(outline, fill=255 if shape.filled else 0, outline=255)
        return np.asarray(image)[None]


def _name(shape: Shape) -> str:
    kind = "star" if shape.star else "polygon"
    return f"{'filled' if shape.filled else 'hollow'} {kind} of {shape.corners}"
