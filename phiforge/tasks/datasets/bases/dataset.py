"""A dataset in memory: images, their classes, and which classes belong to which split."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phiforge.base.errors import DataError

SPLITS = ("train", "validation", "test")

Examples = NDArray[np.uint8] | NDArray[np.float32]
"""Images, or vectors."""
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is; if there is 0 of it, it is a remark."""
LEFT_OUT = "left_out"
"""Where a dataset's source notes, one a line, what was left out of it."""
log = logging.getLogger(__name__)


class SourceClass(NamedTuple):
    """One class as it was collected: ``drawings`` images from number ``first`` on."""

    name: str
    first: int
    drawings: int


class TaskClass(NamedTuple):
    """One class as tasks see it: a source class, turned by ``quarter_turns`` times 90 degrees."""

    source: int
    quarter_turns: int


class Catalogue(NamedTuple):
    """A dataset without its images: what its classes are called, and which of them belong to which split.

    ``files`` names the file that each image was made from, by its number; empty if that is not known.
    """

    classes: tuple[SourceClass, ...]
    splits: Mapping[str, tuple[TaskClass, ...]]
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Dataset:
    """``images``: uint8 [images, channels, height, width], ink 255 on 0; ``source``: where they come from.

    Of a dataset of vectors ``images`` are these: float32 [vectors, dimensions], taken as they are.
    ``files`` names the file that each image was made from, within that source; empty if there are none.

    Raises DataError if a source class is in two splits: then accuracy on the test split would mean nothing.
    """

    name: str
    images: Examples
    classes: tuple[SourceClass, ...]
    splits: Mapping[str, tuple[TaskClass, ...]]
    source: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        owner: dict[int, str] = {}
        for split, task_classes in self.splits.items():
            for source in {task_class.source for task_class in task_classes}:
                if source in owner:
                    name = self.classes[source].name
                    raise DataError(f"class {name!r} is in the splits {owner[source]!r} and {split!r}, allowed is one")
                owner[source] = split

    @property
    def catalogue(self) -> Catalogue:
        """The dataset without its images."""
        return Catalogue(self.classes, self.splits, self.files)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(channels, height, width) of images, (dimensions,) of vectors."""
        return self.images.shape[1:]

    def drawings(self, split: str) -> int:
        """Return how many images the class of ``split`` with the fewest has."""
        return min(self.classes[task_class.source].drawings for task_class in self.splits[split])


def remark(progress: Progress | None, text: str) -> None:
    """Say something of a dataset that is to be read, such as what was left out.

    Args:
        progress: who is told; if nobody listens, the log is.
        text: a sentence.
    """
    if progress is None:
        log.warning("%s", text)
    else:
        progress(text, 0, 0)
