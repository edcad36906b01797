"""Which kinds of pictures are read, by name and by content."""

from functools import cache

from PIL import Image, features

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".ico"),
)
"""Names that pictures have; what a picture is is decided by its content."""
_ALWAYS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "ICO")
"""All have a mark at their beginning. TGA has none: damaged files of other kinds would be read as such."""
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@cache
def readable() -> tuple[str, ...]:
    """Return the formats that this process can decode, as Pillow names them; some need a decoder that is optional."""
    avif = ("AVIF",) if "avif" in features.modules and features.check("avif") else ()
    jpeg_2000 = ("JPEG2000",) if features.check("jpg_2000") else ()
    return (*avif, *jpeg_2000, *(("HEIF",) if _has_heif() else ()), *_ALWAYS)


def is_picture(path: str) -> bool:
    """Say whether a file is a picture by its name."""
    return path.lower().endswith(SUFFIXES)


def missing(data: bytes) -> str:
    """Return which package would read a picture that no decoder here can, or nothing."""
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in _HEIC_BRANDS and "HEIF" not in readable():
        return "HEIC needs a package: pip install pillow-heif"
    if brand in (b"avif", b"avis") and "AVIF" not in readable():
        return "AVIF needs Pillow 11.3 or later"
    return ""


def _has_heif() -> bool:
    """Say whether Pillow reads HEIF, which the package pillow-heif teaches it."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    if "HEIF" not in Image.OPEN:
        register_heif_opener()
    return "HEIF" in Image.OPEN
