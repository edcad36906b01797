"""What folders and archives have in common: files and folders by relative path, parts joined by ``/``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from phiforge.base.errors import DataError


class Listing(NamedTuple):
    """What is in a tree, without what systems leave behind: files, and folders whether or not anything is in them."""

    files: list[str]
    folders: list[str]


class FileTree(Protocol):
    """Files by relative path, parts joined by ``/``."""

    place: Path

    def listing(self, most: int) -> Listing:
        """Return all files and folders.

        Args:
            most: how many files there may be.

        Raises:
            DataError: for more than ``most`` files, and for all that is no plain file or named to lead away.
        """
        ...

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield the bytes of each of ``paths``, or why they cannot be read, in an order that suits the tree.

        Args:
            paths: files of the listing.
        """
        ...
