"""All that can be said of a person's pictures at once, before anything is published or refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phiforge.tasks.datasets.bases.pictures.alike import nearly_alike, nearly_blank
from phiforge.tasks.datasets.bases.pictures.judging import judge, same_pixels
from phiforge.tasks.datasets.bases.pictures.layout import Class, Layout
from phiforge.tasks.datasets.bases.pictures.reading import Reading

_COLOURFUL = 24
"""By how much of 255 two channels differ in a picture that is not grey, somewhere."""


class Kept(NamedTuple):
    """One class and those of its pictures that can be used: what can be read, once each."""

    name: str
    split: str
    pictures: list[str]


class Inspected(NamedTuple):
    """What is in a folder or archive of pictures.

    ``problems`` is what a submission would refuse, unless it is told to leave things out; ``left_out`` which files are
    no pictures. ``unreadable`` says why, by path; ``doubled`` are groups of the same pixels, ``alike`` of pictures
    that look nearly the same; ``blank`` are of nearly one colour. ``sizes`` are (width, height) by path. ``coloured``
    is how many of the pictures that can be read are not grey.
    """

    place: Path
    classes: list[Kept]
    problems: list[str]
    left_out: list[str]
    unreadable: dict[str, str]
    doubled: list[list[str]]
    alike: list[list[str]]
    blank: list[str]
    sizes: dict[str, tuple[int, int]]
    coloured: int

    @property
    def pictures(self) -> int:
        """How many pictures there are, whether or not they can be used."""
        return len(self.sizes) + len(self.unreadable)

    def of(self, split: str) -> list[Kept]:
        """Return the classes of one split."""
        return [each for each in self.classes if each.split == split]


def inspected(
    place: Path, layout: Layout, reading: Reading, split: Mapping[str, Sequence[int]], unsplit: Sequence[str]
) -> Inspected:
    """Return what is to be said of what was read.

    Args:
        place: where it was read.
        layout: its classes.
        reading: their pictures.
        split: which classes are in which split, by number.
        unsplit: what is wrong with that.
    """
    classes = layout.classes
    judged = judge(classes, reading, skip=False, keep_first=False)
    groups = same_pixels(classes, reading)
    again = {path for group in groups for path in group[1:]}
    paths = [path for each in classes for path in each.pictures]
    usable = [number for number, path in enumerate(paths) if path in reading.seen and path not in again]
    named, images = [paths[number] for number in usable], reading.images[usable]
    blank = [path for path, is_blank in zip(named, nearly_blank(images), strict=True) if is_blank]
    telling = [number for number, path in enumerate(named) if path not in set(blank)]
    return Inspected(
        place=place,
        classes=_kept(classes, judged.kept, split),
        problems=[*layout.problems, *judged.problems, *unsplit],
        left_out=layout.remarks,
        unreadable=reading.unreadable,
        doubled=groups,
        alike=[[named[telling[each]] for each in group] for group in nearly_alike(images[telling])],
        blank=blank,
        sizes=reading.sizes,
        coloured=_coloured(images),
    )


def _kept(classes: Sequence[Class], kept: Sequence[list[str]], split: Mapping[str, Sequence[int]]) -> list[Kept]:
    of = {number: name for name, numbers in split.items() for number in numbers}
    pairs = enumerate(zip(classes, kept, strict=True))
    return [Kept(each.name, of.get(number, ""), paths) for number, (each, paths) in pairs]


def _coloured(images: NDArray[np.uint8]) -> int:
    """Return how many images of three channels are not grey."""
    spread = images.max(axis=1).astype(np.int16) - images.min(axis=1)
    return int((spread.max(axis=(1, 2), initial=0) > _COLOURFUL).sum())
