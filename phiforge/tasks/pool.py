"""A dataset laid out for sampling: every image as tasks may see it, so that an episode is one gather."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phiforge.tasks.datasets.bases.dataset import Catalogue, Dataset

MIRROR = 4
"""Added to the quarter turns of an image that is then mirrored."""


def table_of(catalogue: Catalogue, split: str) -> NDArray[np.int64]:
    """Return [3, classes of ``split``]: each one's first image, its number of drawings and its quarter turns."""
    classes = catalogue.classes
    rows = [
        (classes[each.source].first, classes[each.source].drawings, each.quarter_turns)
        for each in catalogue.splits[split]
    ]
    return np.array(rows, dtype=np.int64).T


class Pool:
    """A dataset with its turned and mirrored images in memory, made when first asked for: bytes for speed.

    Each kind that tasks use (upright, three turns, four mirrored) costs the dataset's size once.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._kinds: dict[int, NDArray[np.uint8]] = {}

    @cached_property
    def _tables(self) -> dict[str, NDArray[np.int64]]:
        return {split: table_of(self.dataset.catalogue, split) for split in self.dataset.splits}

    def table(self, split: str) -> NDArray[np.int64]:
        """Return ``table_of`` a split."""
        return self._tables[split]

    def images(self, origin: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the images [episodes, examples, channels, height, width] of ``origin`` [episodes, examples, 2].

        Origins are (image, turn) as episodes keep them.
        """
        numbers, turns = origin[..., 0], origin[..., 1]
        kinds = np.unique(turns)
        found = self._of_kind(int(kinds[0])).take(numbers, axis=0)
        for kind in kinds[1:]:
            chosen = turns == kind
            found[chosen] = self._of_kind(int(kind)).take(numbers[chosen], axis=0)
        return found

    def _of_kind(self, turn: int) -> NDArray[np.uint8]:
        if turn not in self._kinds:
            turned = np.rot90(self.dataset.images, turn % MIRROR, axes=(2, 3))
            self._kinds[turn] = np.ascontiguousarray(np.flip(turned, axis=3) if turn >= MIRROR else turned)
        return self._kinds[turn]
