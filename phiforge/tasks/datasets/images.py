"""Images: a person's own pictures, one folder a class, in a folder or an archive that ``PHIFORGE_IMAGES`` names.

Pictures come from anywhere, so nothing about them is taken for granted: every file is bounded before it is read, every
picture before it is decoded, and no name in an archive is ever a path on this machine.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.registry.section import Since
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import LEFT_OUT, Dataset, Progress, SourceClass, remark
from phiforge.tasks.datasets.bases.files import open_tree
from phiforge.tasks.datasets.bases.pictures import reading
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted
from phiforge.tasks.datasets.bases.pictures.inspecting import Inspected, inspected
from phiforge.tasks.datasets.bases.pictures.judging import Judged, flat, judge
from phiforge.tasks.datasets.bases.pictures.layout import Class, Layout, layout
from phiforge.tasks.datasets.bases.pictures.table import tabled
from phiforge.tasks.datasets.bases.problems import refusal
from phiforge.tasks.datasets.bases.source import DatasetSource

MOST_FILES = 2_000_000
MOST_BYTES = 8 * 2**30
"""Of all pictures together, once they are made small."""
_RULES = "2"
"""Names the rules by which pictures are read and refused; a dataset that other rules made is made again."""


class ImagesData(PartConfig):
    """A person's own pictures, one folder a class; where they are is a setting, PHIFORGE_IMAGES."""

    name: Literal["images"] = "images"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the classes before they are split.")
    validation: float = Field(default=0.16, gt=0, lt=1, description="Fraction of the classes that choose the best φ.")
    test: float = Field(default=0.2, gt=0, lt=1, description="Fraction of the classes that judge it once.")
    rotations: bool = Field(default=False, description="Turns by 90, 180, 270 degrees are further classes.")
    colour: Literal["grey", "rgb"] = "grey"
    image_size: int = Field(default=28, ge=8, le=256)
    unreadable: Annotated[Literal["refuse", "skip"], Since(2, absent="refuse")] = Field(
        default="refuse", description="What becomes of pictures that cannot be read."
    )
    duplicates: Annotated[Literal["refuse", "keep_first"], Since(2, absent="refuse")] = Field(
        default="refuse", description="What becomes of pictures that stand in several places."
    )

    labels: Annotated[str, Since(2, absent="")] = Field(
        default="",
        max_length=1000,
        description="A table among the pictures, of columns path and label, maybe split: CSV, .jsonl, or COCO's .json; "
        "'': folders are the classes.",
    )
    group_by: Annotated[Annotated[int, Field(ge=0, le=20)] | str, Since(2, absent=0)] = Field(
        default=0,
        description="Groups that fall into one split whole: how far above a class's folder theirs is (1: around it), "
        "or a column of 'labels'; 0: none.",
    )

    @model_validator(mode="after")
    def _groups_are_somewhere(self) -> "ImagesData":
        if isinstance(self.group_by, str) and not self.labels:
            raise ValueError(
                f"group_by {self.group_by!r} is a column, so 'labels' must name a table; else give a number"
            )
        if self.labels and isinstance(self.group_by, int) and self.group_by:
            raise ValueError(f"with 'labels', group_by must name a column, not the level {self.group_by} of folders")
        return self

    @property
    def channels(self) -> int:
        """Channels of one image."""
        return 3 if self.colour == "rgb" else 1

    @property
    def wanted(self) -> Wanted:
        """How a picture is made small."""
        return Wanted(self.image_size, colours=self.colour == "rgb")


class Images(DatasetSource):
    """Reads pictures, resizes them by an area-preserving filter and splits their classes by folders or by a seed."""

    Config = ImagesData
    config: ImagesData

    def __init__(self, config: ImagesData, settings: Settings, progress: Progress | None = None) -> None:
        """Find the classes and say which files are left out; raises DataError if there are none, or far too many."""
        super().__init__(config, settings, progress)
        if settings.images is None:
            raise DataError(
                "data 'images' needs PHIFORGE_IMAGES: a folder, or an archive, of one folder of pictures a class"
            )
        self._tree = open_tree(settings.images)
        self._layout = self._laid_out()
        self._check()
        for each in self._layout.remarks:
            remark(progress, each)

    @property
    def classes(self) -> int:
        """How many classes there are, before any picture is read."""
        return len(self._layout.classes)

    @classmethod
    def turns(cls, config: ImagesData) -> bool:
        """Say whether turned classes are classes of their own."""
        return config.rotations

    @classmethod
    def input_shape(cls, config: ImagesData) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return config.channels, config.image_size, config.image_size

    @classmethod
    def preprocessing(cls, config: ImagesData) -> Wanted:
        """Return how the pictures are made small."""
        return config.wanted

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 over names and bytes of all pictures, the rules, and what lies in a wrong place."""
        found = reading.fingerprint(self._layout.classes, reading.digests(self._tree, self._layout.classes))
        problems, groups = self._layout.problems, [each.group for each in self._layout.classes]
        further = ({"problems": " ".join(problems)} if problems else {}) | (
            {"groups": "\n".join(groups)} if any(groups) else {}
        )
        return {"pictures": found, "rules": _RULES} | further

    def inspect(self) -> Inspected:
        """Read every picture and return all that can be said of them at once; nothing is refused for it."""
        classes = self._layout.classes
        found = reading.read(self._tree, classes, self.config.wanted, self.progress)
        split, unsplit = self._split()
        return inspected(self._tree.place, self._layout, found, split, unsplit)

    def looked_at(self, paths: Sequence[str]) -> NDArray[np.uint8]:
        """Return some of the pictures as the network sees them, black where one cannot be read.

        Args:
            paths: as ``inspect`` names them; uint8 [paths, channels, side, side] comes back.
        """
        return reading.read(self._tree, [Class("", "", list(paths))], self.config.wanted, self.progress).images

    def build(self) -> Dataset:
        """Decode, resize and split; raises DataError that tells at once what is wrong with any picture or class."""
        classes, config = self._layout.classes, self.config
        found = reading.read(self._tree, classes, self.preprocessing(config), self.progress)
        skip, keep_first = config.unreadable == "skip", config.duplicates == "keep_first"
        judged = judge(classes, found, skip=skip, keep_first=keep_first)
        split, unsplit = self._split()
        if problems := self._layout.problems + judged.problems + unsplit:
            raise refusal(self._tree.place, problems)
        kept = [path for paths in judged.kept for path in paths]
        images = self._kept_images(found.images, judged, kept)
        turned = splits.with_rotations(split, rotations=config.rotations)
        return Dataset("images", images, self._source_classes(judged), turned, self._source(found, judged), kept)

    def _laid_out(self) -> Layout:
        """Return the classes as the table says, if there is one, or else as the folders do."""
        listing, by = self._tree.listing(MOST_FILES), self.config.group_by
        if self.config.labels:
            return tabled(self._tree, listing, self.config.labels, by if isinstance(by, str) else "")
        return layout(listing, by if isinstance(by, int) else 0)

    def _kept_images(self, images: NDArray[np.uint8], judged: Judged, kept: list[str]) -> NDArray[np.uint8]:
        """Return the images that are kept, and say which are not, and which are of no use."""
        images = _compact(images, [path for each in self._layout.classes for path in each.pictures], set(kept))
        for each in judged.remarks + flat(kept, images):
            remark(self.progress, each)
        return images

    def _source(self, found: reading.Reading, judged: Judged) -> dict[str, str]:
        left_out = {LEFT_OUT: "\n".join(judged.remarks)} if judged.remarks else {}
        return {"pictures": reading.fingerprint(self._layout.classes, found.digests)} | left_out

    def _source_classes(self, judged: Judged) -> tuple[SourceClass, ...]:
        counts = [len(paths) for paths in judged.kept]
        firsts = accumulate(counts, initial=0)
        return tuple(map(SourceClass, (each.name for each in self._layout.classes), firsts, counts))

    def _split(self) -> tuple[splits.Characters, list[str]]:
        """Return the classes of each split as folders say, or else by the seed; and what is wrong with that."""
        if self._layout.splits:
            return self._layout.splits, []
        config, groups = self.config, [each.group for each in self._layout.classes]
        try:
            if any(groups):
                return splits.shares_of_groups(groups, config.validation, config.test, config.split_seed), []
            return splits.shares(len(groups), config.validation, config.test, config.split_seed), []
        except DataError as error:
            return {}, [str(error)]

    def _check(self) -> None:
        place, count, side = self._tree.place, self._layout.count, self.config.image_size
        if not count and self._layout.problems:
            raise refusal(place, self._layout.problems)
        if not count:
            remarks = "".join(f"; {each}" for each in self._layout.remarks)
            raise DataError(f"{place} holds no class: expected one folder a class, with its pictures in it{remarks}")
        if count * self.config.channels * side * side > MOST_BYTES:
            raise DataError(
                f"{count} pictures of {self.config.channels} x {side} x {side} are more than {MOST_BYTES} bytes: lower "
                "data.image_size, or take fewer pictures"
            )


def _compact(images: NDArray[np.uint8], paths: list[str], kept: set[str]) -> NDArray[np.uint8]:
    """Return the images that are kept, moved together in place: all of them may fill most of the memory."""
    numbers = [number for number, path in enumerate(paths) if path in kept]
    for target, number in enumerate(numbers):
        if target != number:
            images[target] = images[number]
    return images[: len(numbers)]
