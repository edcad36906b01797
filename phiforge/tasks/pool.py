"""A dataset laid out for sampling: every image as tasks may see it, so that an episode is one gather."""

from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from phiforge.tasks.datasets.bases.dataset import Catalogue, Dataset, Examples

MIRROR = 4
"""Added to the quarter turns of an image that is then mirrored."""
AUGMENTATIONS = {"none": (0,), "mirror": (0, MIRROR), "turn": tuple(range(2 * MIRROR))}
"""The turns that each class of a training task may get by chance, by what ``sampling.augmentation`` says."""

POOL_BYTES = 2**30
"""Most bytes for datasets and what is made of them: Omniglot with all its turns takes a fifth of it, and a sampler
beside trainers leaves them the rest of a small machine. A larger dataset is held once, and turned as it is used."""


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

    Each kind that tasks use (upright, three turns, four mirrored) costs the dataset's size once. Where that does not
    fit, images are turned as they are asked for.
    """

    def __init__(self, dataset: Dataset, limit_bytes: int = POOL_BYTES) -> None:
        self.dataset, self._limit = dataset, limit_bytes
        self._kinds: dict[int, Examples] = {}

    @cached_property
    def _tables(self) -> dict[str, NDArray[np.int64]]:
        return {split: table_of(self.dataset.catalogue, split) for split in self.dataset.splits}

    def table(self, split: str) -> NDArray[np.int64]:
        """Return ``table_of`` a split."""
        return self._tables[split]

    def images(self, origin: NDArray[np.int32]) -> Examples:
        """Return the images [episodes, examples, channels, height, width] of ``origin`` [episodes, examples, 2].

        Of vectors, which are never turned: [episodes, examples, dimensions]. Origins are (image, turn) as episodes keep
        them.
        """
        numbers, turns = origin[..., 0], origin[..., 1]
        kinds = np.unique(turns)
        found = self._taken(int(kinds[0]), numbers)
        for kind in kinds[1:]:
            chosen = turns == kind
            found[chosen] = self._taken(int(kind), numbers[chosen])
        return found

    @property
    def nbytes(self) -> int:
        """How many bytes the images take, and what was made of them; upright ones are the dataset's own."""
        return self.dataset.images.nbytes * len({0, *self._kinds})

    def _taken(self, turn: int, numbers: NDArray[np.int32]) -> Examples:
        """Return the images of ``numbers``, turned."""
        if turn in self._kinds or self.nbytes + self.dataset.images.nbytes * (turn != 0) <= self._limit:
            return self._of_kind(turn).take(numbers, axis=0)
        return _turned(self.dataset.images.take(numbers, axis=0), turn)

    def _of_kind(self, turn: int) -> Examples:
        if turn not in self._kinds:
            self._kinds[turn] = _turned(self.dataset.images, turn)
        return self._kinds[turn]


def _turned(images: Examples, turn: int) -> Examples:
    """Return images [..., height, width] in quarter turns, mirrored after that if ``turn`` says so."""
    if not turn:
        return images
    turned = np.rot90(images, turn % MIRROR, axes=(-2, -1))
    return cast(Examples, np.ascontiguousarray(np.flip(turned, axis=-1) if turn >= MIRROR else turned))
