"""A tar, plain or packed by gzip, read in place: nothing is ever unpacked onto the disk."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.files import limits
from phiforge.tasks.datasets.bases.files.bounded import Bounded
from phiforge.tasks.datasets.bases.files.members import doubled
from phiforge.tasks.datasets.bases.files.names import ALLOWED, is_allowed, is_leftover
from phiforge.tasks.datasets.bases.files.tree import Listing
from phiforge.tasks.datasets.bases.problems import refusal

_DAMAGE = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, LookupError, ArithmeticError, RecursionError)


class Tar:
    """A tar; its members are read in the order in which they lie, for a packed one cannot be read in another.

    Args:
        place: the file.
        packed: whether gzip packed it.
    """

    def __init__(self, place: Path, *, packed: bool) -> None:
        self.place, self._packed = place, packed
        self._members: dict[str, tarfile.TarInfo] = {}

    def listing(self, most: int) -> Listing:
        """Return files and folders; raises DataError for damage, links, devices, doubled or bad names, and bombs."""
        try:
            with self._opened() as stream:
                members = list(self._headers(Bounded(stream, self._most_bytes(), str(self.place)), most))
        except _DAMAGE as error:
            raise DataError(f"{self.place} is damaged, or no tar: {error or type(error).__name__}") from error
        kept = [(name, member) for name, member in members if not is_leftover(name)]
        files = [(name, member) for name, member in kept if not member.isdir()]
        problems = [problem for name, member in files if (problem := _problem(name, member))]
        if problems := problems + doubled([name for name, _ in files]):
            raise refusal(self.place, problems)
        self._members = dict(files)
        return Listing(list(self._members), [name for name, member in kept if member.isdir() and is_allowed(name)])

    def contents(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes | DataError]]:
        """Yield the bytes of members in the order in which they lie, or why one cannot be read."""
        with self._opened() as stream:
            for path in sorted(paths, key=lambda path: self._members[path].offset_data):
                yield path, self._read(stream, path)

    def _read(self, stream: IO[bytes], path: str) -> bytes | DataError:
        member = self._members[path]
        try:
            stream.seek(member.offset_data)
            data = stream.read(member.size)
        except _DAMAGE as error:
            return DataError(f"{path!r} is damaged: {error}")
        return data if len(data) == member.size else DataError(f"{path!r} is damaged: it ends early")

    def _headers(self, stream: Bounded, most: int) -> Iterator[tuple[str, tarfile.TarInfo]]:
        """Yield what is said of each member; raises DataError for what leads backwards, too far, or nowhere."""
        archive = tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8")
        count, before = 0, 0
        while (member := archive.next()) is not None:
            if member.size < 0 or archive.offset <= before:
                raise DataError(f"{self.place} is damaged: a member has {member.size} bytes")
            if member.size > limits.MOST_FILE_BYTES:
                raise DataError(f"{member.name!r} in {self.place} has {member.size} bytes: a bomb")
            if (count := count + member.isfile()) > most:
                raise DataError(f"{self.place} holds more than {most} files")
            before = archive.offset
            yield _name(member), member
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) != b"\0" * tarfile.BLOCKSIZE or stream.drain():
            raise DataError(f"{self.place} is damaged: a header is wrong, or its end is missing")

    def _opened(self) -> IO[bytes]:
        try:
            return cast(IO[bytes], gzip.open(self.place)) if self._packed else self.place.open("rb")
        except OSError as error:
            raise DataError(f"{self.place} cannot be read: {error.strerror}") from error

    def _most_bytes(self) -> int:
        if not self._packed:
            return limits.MOST_UNPACKED_BYTES
        size = limits.MOST_RATIO * self.place.stat().st_size
        return min(limits.MOST_UNPACKED_BYTES, max(limits.SMALL_ARCHIVE_BYTES, size))


def _name(member: tarfile.TarInfo) -> str:
    """Return a member's name without the ``./`` that ``tar -C folder .`` puts before each."""
    return member.name.removeprefix("./")


def _problem(name: str, member: tarfile.TarInfo) -> str | None:
    """Return what is wrong with a member, if it is not a plain file under a name of its own."""
    if not is_allowed(name):
        return f"{member.name!r} is no name of a file in it: {ALLOWED}"
    if member.issym() or member.islnk():
        return f"{name!r} is a link: allowed are plain files; pack it with tar --dereference --hard-dereference"
    if not member.isfile() or member.issparse():
        return f"{name!r} is no plain file: allowed are folders and plain files"
    return None
