"""A zip, read in place: nothing is ever unpacked onto the disk."""

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.files import limits
from phiforge.tasks.datasets.bases.files.members import doubled
from phiforge.tasks.datasets.bases.files.names import ALLOWED, is_allowed, is_leftover
from phiforge.tasks.datasets.bases.files.tree import Listing
from phiforge.tasks.datasets.bases.problems import refusal

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, KeyError)

_IS_UTF8 = 0x800
"""The bit of a member's flags that says how its name is written; without it, it is in the code page of early PCs."""


class Zip:
    """A zip of any system; those of Windows may part names by backslashes."""

    def __init__(self, place: Path) -> None:
        """Read its directory; raises DataError if it is damaged."""
        self.place = place
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            self._archive = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"{place} is damaged: {error}") from error

    def listing(self, most: int) -> Listing:
        """Return files and folders; raises DataError for encrypted, doubled, linked or bad names, and for a bomb."""
        named = [(_name(member), member) for member in self._archive.infolist()]
        files = [(name, member) for name, member in named if not name.endswith("/")]
        self._check_size(most, [member for _, member in files])
        kept = [(name, member) for name, member in files if not is_leftover(name)]
        problems = [problem for name, member in kept if (problem := _problem(name, member))]
        if problems := problems + doubled([name for name, _ in kept]):
            raise refusal(self.place, problems)
        self._members = dict(kept)
        folders = [name.rstrip("/") for name, _ in named if name.endswith("/")]
        return Listing(list(self._members), [name for name in folders if is_allowed(name) and not is_leftover(name)])

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield the bytes of members in the order of ``paths``, or why one is damaged; their CRCs are checked."""
        for path in paths:
            yield path, self._read(path)

    def _read(self, path: str) -> bytes | DataError:
        try:
            return self._archive.read(self._members[path])
        except NotImplementedError as error:
            return DataError(f"{path!r} cannot be unpacked: {error}; pack it as an ordinary zip")
        except _DAMAGE as error:
            return DataError(f"{path!r} is damaged: {error}")

    def _check_size(self, most: int, members: Sequence[zipfile.ZipInfo]) -> None:
        if len(members) > most:
            raise DataError(f"{self.place} holds {len(members)} files: more than {most}")
        total = sum(member.file_size for member in members)
        if total > limits.MOST_UNPACKED_BYTES:
            raise DataError(f"{self.place} unpacks to {total} bytes: more than {limits.MOST_UNPACKED_BYTES} is a bomb")


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name with slashes, and without the ``./`` that some put before each.

    A name that is not marked as UTF-8 and yet is some is taken as such: so the Finder of macOS writes them.
    """
    name = member.orig_filename
    if not member.flag_bits & _IS_UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/").removeprefix("./")


def _problem(name: str, member: zipfile.ZipInfo) -> str | None:
    """Return what is wrong with a member, if it is not a plain file of an allowed size under a name of its own."""
    size, packed = member.file_size, member.compress_size
    if not is_allowed(name):
        return f"{member.orig_filename!r} is no name of a file in it: {ALLOWED}"
    if stat.S_ISLNK(member.external_attr >> 16):
        return f"{name!r} is a link: allowed are plain files"
    if member.flag_bits & 1:
        return f"{name!r} is encrypted: allowed are plain files"
    if size > limits.MOST_FILE_BYTES:
        return f"{name!r} unpacks to {size} bytes: more than {limits.MOST_FILE_BYTES} is refused"
    if size > max(limits.SMALL_BYTES, limits.MOST_RATIO * packed):
        return f"{name!r} unpacks to {size} bytes from {packed}: a bomb"
    return None
