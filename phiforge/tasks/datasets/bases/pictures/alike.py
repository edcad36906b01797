"""Pictures that look nearly the same, by a perceptual hash and a second look; those on which there is nearly nothing.

The hash is a difference hash: one bit for each pair of neighbours in a tiny grey copy, whether it gets lighter to the
right. It stays nearly the same when a picture is scaled, saved again or made a little lighter. Drawings of a few lines
share hashes, so those that do are compared once more, pixel by pixel.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WIDE, _HIGH = 9, 8
_MOST_BITS = 2
"""Of 64 that differ between two pictures that look nearly the same."""
_LEAST_ALIKE = 0.985
"""Correlation of the grey values of two such pictures."""
_MOST_COMPARED = 20_000
"""Pictures that are all compared with one another; of more, only those of the very same hash are told."""
_BLOCK = 512
_BLANK = 3.0
"""Standard deviation of the pixels, of 255, of a picture on which there is nearly nothing."""


def nearly_blank(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of each image [images, channels, side, side] whether its pixels are all nearly the same."""
    spread = images.astype(np.float32).std(axis=(2, 3)).max(axis=1, initial=0)
    blank: NDArray[np.bool_] = spread < _BLANK
    return blank


def nearly_alike(images: NDArray[np.uint8]) -> list[list[int]]:
    """Return groups of images [images, channels, side, side] that look nearly the same, by number, in order."""
    groups = _Groups(len(images))
    for one, other in _pairs(difference_hashes(images)):
        if _correlation(images[one], images[other]) >= _LEAST_ALIKE:
            groups.join(one, other)
    return groups.all()


def difference_hashes(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return 64 bits of each image: whether its tiny grey copy gets lighter from each pixel to the one on its right."""
    tiny = np.zeros((len(images), _HIGH, _WIDE), np.uint8)
    for number, image in enumerate(images):
        grey = Image.fromarray(image.mean(axis=0).astype(np.uint8))
        tiny[number] = np.asarray(grey.resize((_WIDE, _HIGH), Image.Resampling.BOX))
    lighter = tiny[:, :, 1:] > tiny[:, :, :-1]
    return np.packbits(lighter.reshape(len(images), _HIGH * (_WIDE - 1)), axis=1).view(np.uint64).reshape(-1)


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    greys = [image.mean(axis=0).ravel() for image in (one, other)]
    first, second = (grey - grey.mean() for grey in greys)
    return float(first @ second / max(np.sqrt((first @ first) * (second @ second)), 1e-9))


def _pairs(hashes: NDArray[np.uint64]) -> list[tuple[int, int]]:
    if len(hashes) > _MOST_COMPARED:
        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        return [(int(order[each]), int(order[each + 1])) for each in same]
    pairs = []
    for first in range(0, len(hashes), _BLOCK):
        differing = np.bitwise_count(hashes[first : first + _BLOCK, None] ^ hashes[None, first:])
        for one, other in np.argwhere(differing <= _MOST_BITS):
            if one < other:
                pairs.append((first + int(one), first + int(other)))
    return pairs


class _Groups:
    """Numbers that are joined two by two."""

    def __init__(self, count: int) -> None:
        self._head = list(range(count))

    def join(self, one: int, other: int) -> None:
        """Put two, and all that is with each, into one group."""
        first, second = sorted((self._first(one), self._first(other)))
        self._head[second] = first

    def all(self) -> list[list[int]]:
        """Return the groups of several."""
        groups: dict[int, list[int]] = {}
        for number in range(len(self._head)):
            groups.setdefault(self._first(number), []).append(number)
        return [group for group in groups.values() if len(group) > 1]

    def _first(self, number: int) -> int:
        while self._head[number] != number:
            number = self._head[number]
        return number
