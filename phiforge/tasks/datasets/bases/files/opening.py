"""What lies at a place: a folder, an archive that is read, one that is not, or something else."""

import tarfile
import zipfile
from pathlib import Path

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.files.folder import Folder
from phiforge.tasks.datasets.bases.files.tars import Tar
from phiforge.tasks.datasets.bases.files.tree import FileTree
from phiforge.tasks.datasets.bases.files.zips import Zip

_ALLOWED = "allowed are a folder, a zip, and a tar that is plain or packed by gzip (.tar, .tar.gz, .tgz)"
_ZIPS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
_GZIP = b"\x1f\x8b"
_OTHERS = {b"Rar!": "a RAR", b"7z\xbc\xaf": "a 7z", b"BZh": "packed by bzip2", b"\xfd7zXZ": "packed by xz"}
_OTHERS |= {b"\x28\xb5\x2f\xfd": "packed by zstd"}


def open_tree(place: Path) -> FileTree:
    """Return the files at ``place``; raises DataError if it is neither a folder nor an archive, or a damaged one."""
    if place.is_dir():
        return Folder(place)
    if place.is_file():
        return _archive(place, _start(place))
    raise DataError(f"{place} {'is no plain file' if place.exists() else 'is not there'}: {_ALLOWED}")


def _start(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(tarfile.BLOCKSIZE)
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from error


def _archive(place: Path, start: bytes) -> FileTree:
    """Return the archive that a file is by its first bytes, whatever its name."""
    if start.startswith(_ZIPS):
        return Zip(place)
    if start.startswith(_GZIP) or _is_tar(start):
        return Tar(place, packed=start.startswith(_GZIP))
    if zipfile.is_zipfile(place):
        return Zip(place)
    what = next((name for magic, name in _OTHERS.items() if start.startswith(magic)), "no archive")
    raise DataError(f"{place} is {what if start else 'empty'}: {_ALLOWED}")


def _is_tar(start: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
