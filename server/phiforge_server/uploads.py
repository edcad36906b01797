"""Pictures that come with a request: bounded in number, bytes and pixels before anything is decoded."""

import io
import warnings

from fastapi import Request
from PIL import Image
from starlette.datastructures import UploadFile

from phiforge.tasks.datasets.bases.pictures import formats
from phiforge_server.limits import Limits
from phiforge_server.multipart import form_of
from phiforge_server.refusals import RefusedError


async def pictures_of(request: Request, limits: Limits) -> list[tuple[str, str, bytes]]:
    """Return (field, file name, bytes) of every file of a multipart request, in order.

    Raises:
        RefusedError: if it is no whole multipart request, or beyond a limit.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusedError(415, "pictures are sent as multipart/form-data, as `curl --form` does")
    form = await form_of(request, limits.pictures)
    try:
        found = [await _read(field, file, limits) for field, file in form.multi_items()]
    finally:
        await form.close()
    if not found:
        raise RefusedError(422, "the request holds no picture: send at least one")
    return found


async def _read(field: str, file: UploadFile | str, limits: Limits) -> tuple[str, str, bytes]:
    if not isinstance(file, UploadFile):
        raise RefusedError(422, f"field {field[:100]!r} is no file: send pictures alone")
    data = await file.read()
    name = (file.filename or field)[:200]
    _check(name, data, limits)
    return field, name, data


def _check(name: str, data: bytes, limits: Limits) -> None:
    """Refuse a picture whose header claims too many pixels; what is no picture is told of when it is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=formats.readable()) as image:
                width, height = image.size
    except Exception:  # whatever Pillow makes of it, the decoder says it better
        return
    if width * height > limits.pixels:
        raise RefusedError(413, f"picture {name!r} is {width} x {height}: allowed are {limits.pixels} pixels")
