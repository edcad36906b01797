"""Files of a folder or a zip, whoever made it: names that lead elsewhere, links and bombs are refused."""

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from phiforge.base.errors import DataError

MOST_FILE_BYTES = 128 * 2**20
"""Of one file, unpacked."""
MOST_UNPACKED_BYTES = 64 * 2**30
"""Of all files of a zip together."""
MOST_RATIO = 200
"""How many times smaller than its content a large member of a zip may be; pictures hardly pack at all."""
_SMALL_BYTES = 2**20


class FileTree(Protocol):
    """Files by relative path, parts joined by ``/``."""

    place: Path

    def paths(self, most: int) -> list[str]:
        """Return all files; raises DataError for more than ``most``, and for anything that is no plain file in it."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of one of them; raises DataError if it cannot be read."""
        ...


def open_tree(place: Path) -> FileTree:
    """Return the files at ``place``; raises DataError if it is neither a folder nor a zip."""
    if place.is_dir():
        return Folder(place)
    if place.is_file():
        return Zip(place)
    what = "is no plain file" if place.exists() else "is not there"
    raise DataError(f"{place} {what}: allowed are a folder and a zip")


class Folder:
    """A folder of this machine; it may be a link itself, but nothing in it may."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def paths(self, most: int) -> list[str]:
        """Return the files, hidden ones included; raises DataError for links, devices and unreadable folders."""
        found: list[str] = []
        for path in self._walk(self.place):
            found.append(checked_name(path.relative_to(self.place).as_posix(), self.place))
            if len(found) > most:
                raise DataError(f"{self.place} holds more than {most} files")
        return found

    def read(self, path: str) -> bytes:
        """Return the bytes of a file, unless it is too large."""
        try:
            size = (self.place / path).lstat().st_size
            if size > MOST_FILE_BYTES:
                raise DataError(f"{path!r} in {self.place} has {size} bytes: more than {MOST_FILE_BYTES} are not read")
            return (self.place / path).read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {path!r} in {self.place}: {error.strerror or error}") from error

    def _walk(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
            modes = [entry.lstat().st_mode for entry in entries]
        except OSError as error:
            raise DataError(f"cannot read {folder}: {error.strerror or error}") from error
        for entry, mode in zip(entries, modes, strict=True):
            if stat.S_ISDIR(mode):
                yield from self._walk(entry)
            elif stat.S_ISREG(mode):
                yield entry
            else:
                what = "a link" if stat.S_ISLNK(mode) else "no plain file"
                raise DataError(
                    f"{entry} is {what}: allowed are folders and plain files; copy there what it stands for"
                )


class Zip:
    """A zip, read in place: nothing is ever unpacked onto the disk."""

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            self._archive = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise DataError(f"{place} is damaged: {error}") from error

    def paths(self, most: int) -> list[str]:
        """Return the files; raises DataError for what is encrypted, doubled, a link, a bomb, or named to lead away."""
        members = [member for member in self._archive.infolist() if not member.is_dir()]
        if len(members) > most:
            raise DataError(f"{self.place} holds {len(members)} files: more than {most}")
        total = sum(member.file_size for member in members)
        if total > MOST_UNPACKED_BYTES:
            raise DataError(f"{self.place} unpacks to {total} bytes: more than {MOST_UNPACKED_BYTES} is a bomb")
        names = [self._checked(member) for member in members]
        name, times = Counter(names).most_common(1)[0] if names else ("", 1)
        if times > 1:
            raise DataError(f"{self.place} holds {name!r} {times} times: allowed is once")
        return names

    def read(self, path: str) -> bytes:
        """Return the bytes of a member; its CRC is checked."""
        try:
            return self._archive.read(path)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, KeyError) as error:
            raise DataError(f"{path!r} in {self.place} is damaged: {error}") from error

    def _checked(self, member: zipfile.ZipInfo) -> str:
        """Return a member's name; raises DataError unless it is a plain file of an allowed size under its own name."""
        name = checked_name(member.orig_filename, self.place)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{name!r} in {self.place} is a link: allowed are plain files")
        if member.flag_bits & 1:
            raise DataError(f"{name!r} in {self.place} is encrypted: allowed are plain files")
        if member.file_size > MOST_FILE_BYTES:
            raise DataError(
                f"{name!r} in {self.place} unpacks to {member.file_size} bytes: more than {MOST_FILE_BYTES} is refused"
            )
        if member.file_size > max(_SMALL_BYTES, MOST_RATIO * member.compress_size):
            raise DataError(
                f"{name!r} in {self.place} unpacks to {member.file_size} bytes from {member.compress_size}: a bomb"
            )
        return name


def checked_name(name: str, place: Path) -> str:
    """Return a relative path as it is; raises DataError if it could be another place, or could not be printed."""
    parts = name.split("/")
    leads_away = PurePosixPath(name).is_absolute() or ".." in parts or "." in parts or "" in parts
    if leads_away or "\\" in name or ":" in parts[0] or not name.isprintable():
        raise DataError(
            f"{name!r} in {place} is no name of a file in it: allowed are CLASS/PICTURE, relative, without .."
        )
    return name
