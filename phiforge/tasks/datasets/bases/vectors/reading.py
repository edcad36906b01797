"""Files of vectors: what a header claims is held to the file before any of it is read, and nothing is unpickled."""

import lzma
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.vectors.table import COLUMNS, Table, table_of

MOST_BYTES = 2 * 2**30
"""Of one array, unpacked."""
_KINDS = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")
"""Numbers of a safetensors file that numpy has too."""
_OF_ARCHIVES = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError)
"""What is raised of an archive that is damaged, encrypted, or packed as nothing here can unpack it."""
_OF_HEADERS = (struct.error, tokenize.TokenError, SyntaxError, TypeError, IndexError, KeyError, RecursionError)
"""What is raised of the header of an array, which is Python's own notation."""
_DAMAGED = (*_OF_ARCHIVES, *_OF_HEADERS, SafetensorError, AttributeError, ValueError, MemoryError, OSError)
SUFFIXES = (".npz", ".safetensors")


def is_vectors(place: Path) -> bool:
    """Say whether a file is one of vectors, by its name."""
    return place.suffix.lower() in SUFFIXES


def read_vectors(place: Path) -> Table:
    """Return the vectors and labels of a ``.npz`` or ``.safetensors`` file.

    Raises DataError if there is no such file, it is damaged or too large, or does not hold what is needed.

    Example::

        np.savez("birds.npz", features=embeddings, labels=names)
        read_vectors(path).features.shape
    """
    if not place.is_file():
        raise DataError(f"{place} is no file: vectors are read from one file, {' or '.join(SUFFIXES)}")
    if not is_vectors(place):
        raise DataError(f"{place} ends in {place.suffix!r}: vectors are read from files {' or '.join(SUFFIXES)}")
    reader = _npz if place.suffix.lower() == ".npz" else _safetensors
    try:
        return table_of(place, reader(place))
    except _DAMAGED as error:
        raise DataError(f"{place} cannot be read: {str(error)[:200]}; write it again") from error


def _npz(place: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive that numpy wrote."""
    found = {}
    with zipfile.ZipFile(place) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        for name in COLUMNS:
            if name in members:
                with archive.open(members[name]) as file:
                    _expect_honest(place, name, file, members[name].file_size)
                with archive.open(members[name]) as file:
                    found[name] = npy.read_array(file, allow_pickle=False)
    return found


def _expect_honest(place: Path, name: str, file: IO[bytes], size: int) -> None:
    """Raise DataError unless an array's header claims numbers or text of as many bytes as there are, and not too many.

    The header is small; what it claims would be set aside before it is read.
    """
    version = npy.read_magic(file)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = reader(file)
    if dtype.hasobject:
        raise DataError(f"{name!r} of {place} holds Python objects, which are never unpickled: save numbers or text")
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed > MOST_BYTES:
        raise DataError(f"{name!r} of {place} is {claimed} bytes; allowed are {MOST_BYTES}")
    if claimed + file.tell() != size:
        raise DataError(f"{name!r} of {place} claims {claimed} bytes and has {size - file.tell()}: write it again")


def _safetensors(place: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file, which holds its header to its length by itself."""
    if place.stat().st_size > MOST_BYTES:
        raise DataError(f"{place} is {place.stat().st_size} bytes; allowed are {MOST_BYTES}")
    with safe_open(place, framework="numpy") as file:
        names = [name for name in COLUMNS if name in file.keys()]  # noqa: SIM118 - no mapping
        for name in names:
            if (kind := file.get_slice(name).get_dtype()) not in _KINDS:
                raise DataError(f"{name!r} of {place} is {kind}, which numpy has not: save as float32")
        return {name: file.get_tensor(name) for name in names}
