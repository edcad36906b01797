"""The body of a request with files, whole or not at all."""

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from phiforge_server.refusals import RefusedError


async def form_of(request: Request, most_files: int) -> FormData:
    """Return the fields of a multipart request; whoever gets them closes them.

    Args:
        request: one whose type was looked at.
        most_files: how many files it may have; it may have no other fields.

    Raises:
        RefusedError: if it is damaged, has too many files, or breaks off: what is missing may be a picture.
    """
    parser = _Parser(request.headers, request.stream(), max_files=most_files, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusedError(400, f"the body is no whole multipart/form-data: {error.message}") from error
    except (LookupError, ValueError) as error:  # a set of letters that does not exist, or is not that of the names
        raise RefusedError(400, f"the body is no whole multipart/form-data: {error}") from error
    if not parser.whole:
        await form.close()
        raise RefusedError(400, "the body breaks off before its last boundary: send it again")
    return form


class _Parser(MultiPartParser):
    """Remembers whether the last boundary came; what follows it, an epilogue, is of no interest (RFC 2046, 5.1.1)."""

    whole = False

    def on_end(self) -> None:
        """Take note of the last boundary."""
        self.whole = True
