"""Folders and zips of small pictures, whole or wrong in every way somebody's own may be."""

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from phiforge.tasks.datasets.bases.dataset import Progress
from phiforge.tasks.datasets.bases.pictures import decoding
from phiforge.tasks.datasets.images import ImagesData

GREY = ImagesData(image_size=8)
RGB = ImagesData(image_size=8, colour="rgb")


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (20, 16), kind: str = "PNG") -> bytes:
    """Return a picture of noise."""
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "CMYK": 4}[mode]
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise if channels > 1 else noise[..., 0], mode).save(buffer, kind)
    return buffer.getvalue()


def decode(path: str, data: bytes, config: ImagesData) -> NDArray[np.uint8]:
    """Return the small image of one picture."""
    return decoding.decode(path, data, config.wanted).small


def classes(count: int = 6, pictures: int = 4) -> dict[str, bytes]:
    """Return the files of ``count`` classes by their path."""
    return {
        f"class{number:02}/{index}.png": picture(100 * number + index)
        for number in range(count)
        for index in range(pictures)
    }


def heard(said: list[str]) -> Progress:
    """Return a listener that keeps the remarks on a dataset in ``said``."""

    def listen(what: str, done: int, total: int) -> None:
        if total == 0:
            said.append(what)

    return listen


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write ``files`` and return the folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write ``files`` into a zip, in no order."""
    names = sorted(files)
    random.Random(0).shuffle(names)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in names:
            archive.writestr(name, files[name])
    return path


def png_that_claims(width: int, height: int, chunk: bytes = b"") -> bytes:
    """Return a PNG of some bytes that unpacks to zeros without end: a decompression bomb."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + chunk + part(b"IDAT", pixels) + part(b"IEND", b"")


def png_with_text_bomb() -> bytes:
    """Return a PNG whose comment unpacks to hundreds of megabytes."""
    data = b"comment\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return png_that_claims(8, 8, chunk)
