"""From the bytes of one picture, wherever it comes from, to the pixels that are learned from."""

import hashlib
import io
import struct
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from phiforge.base.errors import DataError
from phiforge.tasks.datasets.bases.pictures import formats
from phiforge.tasks.datasets.bases.pictures.paper import on_paper

MOST_PIXELS = 64_000_000
"""Of one picture, as its header says before anything is decoded: more than any camera has, and 256 MB at most."""
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    struct.error,
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class Wanted(NamedTuple):
    """How pictures are made small: pixels a side, whether in colours, and whether black becomes 255 and white 0."""

    side: int
    colours: bool
    inverted: bool = False


class Decoded(NamedTuple):
    """A picture [channels, side, side], and the SHA-256 of its pixels in full size, whatever it was saved as.

    ``size`` is that full size: (width, height) in pixels, upright.
    """

    small: NDArray[np.uint8]
    seen: bytes
    size: tuple[int, int]


def decode(path: str, data: bytes, wanted: Wanted) -> Decoded:
    """Return one picture: its first frame, upright, on paper, its middle square, made small by a Lanczos filter.

    Args:
        path: what errors call it.
        data: its bytes, in any of the formats that are read.
        wanted: what is made of it.

    Raises:
        DataError: if it is none of the formats, claims more than ``MOST_PIXELS``, or is damaged.
    """
    kinds = formats.readable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=kinds) as image:
                _check_pixels(path, image.size)
                return _decoded(image, wanted)
    except _BOMBS as error:
        raise DataError(f"picture {path!r} is a decompression bomb: {error}") from error
    except _DAMAGE as error:
        raise DataError(f"picture {path!r} is unreadable: {_reason(error, data, kinds)}") from error


def from_image(name: str, image: Image.Image, wanted: Wanted) -> NDArray[np.uint8]:
    """Return the same [channels, side, side] of a picture that is open already.

    Args:
        name: what errors call it.
        image: of any of Pillow's modes that have 8 or 16 bits a channel.
        wanted: what is made of it.

    Raises:
        DataError: if it has more than ``MOST_PIXELS``, or is damaged.
    """
    _check_pixels(name, image.size)
    try:
        return _decoded(image, wanted).small
    except _DAMAGE as error:
        raise DataError(f"picture {name!r} is unreadable: {error}") from error


def shrunk(seen: Image.Image, wanted: Wanted) -> NDArray[np.uint8]:
    """Return what is learned from [channels, side, side] of an upright picture on paper: its middle square, small.

    It is made grey before it is resized: Pillow resizes 1-bit images by nearest neighbour whatever filter is asked for.
    """
    flat = seen.convert("RGB" if wanted.colours else "L")
    small = np.asarray(ImageOps.fit(flat, (wanted.side, wanted.side), Image.Resampling.LANCZOS))
    small = 255 - small if wanted.inverted else small
    return small[None] if small.ndim == 2 else np.moveaxis(small, 2, 0)


def _decoded(image: Image.Image, wanted: Wanted) -> Decoded:
    upright = ImageOps.exif_transpose(_eight_bits(image))
    seen = on_paper(upright)
    return Decoded(shrunk(seen, wanted), _digest(seen), seen.size)


def _reason(error: Exception, data: bytes, kinds: tuple[str, ...]) -> str:
    """Return why a picture cannot be read; Pillow's words for an unknown format name a place in memory."""
    unknown = isinstance(error, UnidentifiedImageError)
    return formats.missing(data) or (
        f"it is no whole {', '.join(kinds[:-1])} or {kinds[-1]}" if unknown else str(error)
    )


def _digest(image: Image.Image) -> bytes:
    size = "{} x {} ".format(*image.size).encode()
    return hashlib.sha256(size + image.convert("RGB").tobytes()).digest()


def _check_pixels(path: str, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise DataError(f"picture {path!r} is {width} x {height}: more than {MOST_PIXELS} pixels are not decoded")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel; Pillow by itself cuts 16 bits off at white."""
    if image.mode in ("I", "F"):
        raise ValueError(f"its mode is {image.mode}, of 32 bits a channel; save it with 8")
    if image.mode not in _SIXTEEN_BITS:
        return image
    values = np.asarray(image).astype(np.uint32)
    return Image.fromarray((values // 257).astype(np.uint8))
