"""A stream that ends a reader's work before it reads too far, or too much at once."""

from typing import IO

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.files import limits


class Bounded:
    """Stands between an unpacking stream and a reader of headers, who believes what the headers say.

    Args:
        stream: what is read.
        most: how far, in bytes from its start.
        what: how errors call it.
    """

    def __init__(self, stream: IO[bytes], most: int, what: str) -> None:
        self._stream, self._most, self._what = stream, most, what

    def read(self, size: int) -> bytes:
        """Return the next bytes; raises DataError if a header asks for more than a header is."""
        if not 0 <= size <= limits.MOST_HEADER_BYTES:
            raise DataError(f"{self._what} has a header of {size} bytes: allowed are {limits.MOST_HEADER_BYTES}")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        """Go to a place; raises DataError if it is too far."""
        if position > self._most:
            raise DataError(f"{self._what} unpacks to more than {self._most} bytes: a bomb")
        return self._stream.seek(position)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()

    def drain(self) -> bytes:
        """Read to the end, which checks what the packer noted of the whole, and return what is there but zeros.

        Raises:
            DataError: if the end is too far.
        """
        rest = b""
        while block := self._stream.read(limits.SMALL_BYTES):
            self.seek(self.tell())
            rest = rest or block.strip(b"\0")[:1]
        return rest
