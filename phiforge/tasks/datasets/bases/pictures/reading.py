"""All pictures of all classes, read once: their small images, and what tells which are wrong."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge.tasks.datasets.bases.files import FileTree
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted, decode
from phiforge.tasks.datasets.bases.pictures.layout import Class

UNREADABLE = "unreadable"
"""The digest of a file whose bytes cannot be had."""


@dataclass
class Reading:
    """What was read: ``images`` uint8 [pictures, channels, side, side] in the order of classes; the rest by path."""

    images: NDArray[np.uint8]
    digests: dict[str, str] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def read(tree: FileTree, classes: Sequence[Class], wanted: Wanted, progress: Progress | None) -> Reading:
    """Decode every picture; what cannot be read is noted, not raised.

    Args:
        tree: where they are.
        classes: which they are.
        wanted: what is made of each.
        progress: told how many are done.
    """
    number = {path: index for index, path in enumerate(path for each in classes for path in each.pictures)}
    reading = Reading(np.zeros((len(number), 3 if wanted.colours else 1, wanted.side, wanted.side), np.uint8))
    for done, (path, data) in enumerate(tree.contents(list(number)), 1):
        reading.digests[path] = digest(data)
        try:
            decoded = decode(path, _bytes(data), wanted)
            reading.images[number[path]], reading.seen[path], reading.sizes[path] = decoded
        except DataError as error:
            reading.unreadable[path] = str(error)
        if progress and done % 50 == 0:
            progress("reading pictures", done, len(number))
    return reading


def digests(tree: FileTree, classes: Sequence[Class]) -> dict[str, str]:
    """Return the SHA-256 of every picture's bytes by its path."""
    paths = [path for each in classes for path in each.pictures]
    return {path: digest(data) for path, data in tree.contents(paths)}


def fingerprint(classes: Sequence[Class], found: dict[str, str]) -> str:
    """Return the SHA-256 over the names and bytes of all pictures: where they lie does not matter.

    Args:
        classes: which they are, in order.
        found: the digest of each by its path.
    """
    whole = hashlib.sha256()
    for each in classes:
        for path in each.pictures:
            whole.update(f"{each.label}/{path.rsplit('/', 1)[-1]}\0{found[path]}\n".encode())
    return whole.hexdigest()


def digest(data: bytes | DataError) -> str:
    """Return the SHA-256 of a file's bytes, or a word for bytes that cannot be had."""
    return UNREADABLE if isinstance(data, DataError) else hashlib.sha256(data).hexdigest()


def _bytes(data: bytes | DataError) -> bytes:
    if isinstance(data, DataError):
        raise data
    return data
