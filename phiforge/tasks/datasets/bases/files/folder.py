"""A folder of this machine; nothing in it may be a link, but for the folders of classes."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.files import limits
from phiforge.tasks.datasets.bases.files.names import ALLOWED, is_allowed, is_leftover
from phiforge.tasks.datasets.bases.files.tree import Listing
from phiforge.tasks.datasets.bases.problems import refusal

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""What people call the folder of a split, in small letters, and the split."""


class Folder:
    """A folder, which may be a link itself; a link to a folder of pictures may stand in a class's place."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def listing(self, most: int) -> Listing:
        """Return files and folders; raises DataError for too many, and for links elsewhere, devices and bad names."""
        return _Walk(self.place, most).listing()

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield the bytes of files in the order of ``paths``, or why one cannot be read or is too large."""
        for path in paths:
            yield path, self._read(path)

    def _read(self, path: str) -> bytes | DataError:
        try:
            size = (self.place / path).lstat().st_size
            if size > limits.MOST_FILE_BYTES:
                return DataError(f"{path!r} has {size} bytes: more than {limits.MOST_FILE_BYTES} are not read")
            return (self.place / path).read_bytes()
        except OSError as error:
            return DataError(f"{path!r} cannot be read: {error.strerror or error}")


class _Walk:
    """One walk through a folder: what was found, what is wrong, and where it has been."""

    def __init__(self, place: Path, most: int) -> None:
        self._place, self._most = place, most
        self._found = Listing([], [])
        self._problems: list[str] = []
        root = place.resolve()
        self._been, self._above = {root}, set(root.parents)

    def listing(self) -> Listing:
        ahead = [self._place]
        while ahead:
            ahead += self._visit(ahead.pop())
        if self._problems:
            raise refusal(self._place, self._problems)
        return self._found

    def _visit(self, folder: Path) -> list[Path]:
        """Take in the entries of a folder, and return those that are folders themselves."""
        try:
            entries = [each for each in sorted(folder.iterdir()) if not is_leftover(self._name(each))]
            return [entry for entry in entries if self._is_folder(entry, entry.lstat().st_mode)]
        except OSError as error:
            self._problems.append(f"cannot read {str(folder)!r}: {error.strerror or error}")
            return []

    def _is_folder(self, entry: Path, mode: int) -> bool:
        name = self._name(entry)
        if not is_allowed(name):
            self._problems.append(f"{name!r} is no name of a file in it: {ALLOWED}")
        elif stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and self._may_follow(entry)):
            self._found.folders.append(name)
            return True
        elif stat.S_ISREG(mode):
            self._add(name)
        else:
            self._problems.append(_no_plain_file(name, mode))
        return False

    def _add(self, name: str) -> None:
        self._found.files.append(name)
        if len(self._found.files) > self._most:
            raise DataError(f"{self._place} holds more than {self._most} files")

    def _may_follow(self, link: Path) -> bool:
        """Say whether a link stands for a class: in a class's place, to a folder that shares nothing with another."""
        above = link.parent
        in_place = above == self._place or (above.parent == self._place and above.name.lower() in SPLIT_FOLDERS)
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        apart = self._been.isdisjoint([target, *target.parents]) and target not in self._above
        follows = in_place and apart and target.is_dir()
        if follows:
            self._been.add(target)
            self._above.update(target.parents)
        return follows

    def _name(self, path: Path) -> str:
        return path.relative_to(self._place).as_posix()


def _no_plain_file(name: str, mode: int) -> str:
    what = "a link" if stat.S_ISLNK(mode) else "no plain file"
    return (
        f"{name!r} is {what}: allowed are folders and plain files, and for a class a link to a folder outside; copy "
        "there what it stands for"
    )
