"""The body of a request with files, whole or not at all."""

from collections.abc import AsyncGenerator, AsyncIterator

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from phiforge_server.refusals import RefusedError

_LONGEST_END = 200
"""Bytes: a boundary has 70 at most, and some line ends may follow it."""


async def form_of(request: Request, most_files: int) -> FormData:
    """Return the fields of a multipart request; whoever gets them closes them.

    Args:
        request: one whose type was looked at.
        most_files: how many files it may have; it may have no other fields.

    Raises:
        RefusedError: if it is damaged, has too many files, or breaks off: what is missing may be a picture.
    """
    end = _End(request.stream())
    try:
        form = await MultiPartParser(request.headers, end.read(), max_files=most_files, max_fields=0).parse()
    except MultiPartException as error:
        raise RefusedError(400, f"the body is no whole multipart/form-data: {error.message}") from error
    except (LookupError, ValueError) as error:  # a set of letters that does not exist, or is not that of the names
        raise RefusedError(400, f"the body is no whole multipart/form-data: {error}") from error
    if not end.last.rstrip().endswith(b"--"):
        await form.close()
        raise RefusedError(400, "the body breaks off before its last boundary: send it again")
    return form


class _End:
    """Reads a stream and remembers how it ended."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream, self.last = stream, b""

    async def read(self) -> AsyncGenerator[bytes, None]:
        """Yield what comes."""
        async for part in self._stream:
            self.last = (self.last + part)[-_LONGEST_END:]
            yield part
