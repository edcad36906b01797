"""Every place that is no dataset of pictures: how to make it, and what must be said of it."""

import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.badinput.pictures import classes, picture, png_that_claims, png_with_text_bomb, write_folder, write_zip


class Wrong(NamedTuple):
    """How to make a place that is no dataset in an empty folder, and what the error must say."""

    name: str
    make: Callable[[Path], Path | None]
    expected: str


def folder_with(changes: dict[str, bytes], **kept: int) -> Callable[[Path], Path]:
    return lambda place: write_folder(place / "own", classes(**kept) | changes)


def zip_with(changes: dict[str, bytes], **kept: int) -> Callable[[Path], Path]:
    return lambda place: write_zip(place / "own.zip", classes(**kept) | changes)


def link_in(target: str, name: str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        folder = write_folder(place / "own", classes())
        (folder / name).symlink_to(target)
        return folder

    return make


def pipe_in(place: Path) -> Path:
    folder = write_folder(place / "own", classes())
    os.mkfifo(folder / "class00" / "endless.png")
    return folder


def truncated_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    path.write_bytes(path.read_bytes()[:-200])
    return path


def damaged_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes(), zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(bytes(data))
    return path


def zip_of_a_link(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("class00/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return path


def zip_with_a_doubled_name(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("class00/0.png", picture(1))
    return path


def encrypted_zip(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes())
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        data[at + offset] |= 1
    path.write_bytes(bytes(data))
    return path


def zip_bomb(place: Path) -> Path:
    path = write_zip(place / "own.zip", classes() | {"class00/bomb.png": b"\0" * 100_000_000})
    assert path.stat().st_size < 200_000
    return path


def sixteen_bits() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 1e9, np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


PLACES = [
    # what the setting names
    Wrong("no place", lambda place: None, "needs PHIFORGE_IMAGES"),
    Wrong("a place that is not there", lambda place: place / "nowhere", "nowhere is not there: allowed are"),
    Wrong(
        "a device",
        lambda place: Path("/dev/null"),
        "/dev/null is no plain file: allowed are a folder, a zip, and a tar",
    ),
    Wrong(
        "no archive", lambda place: write_folder(place, {"a.zip": b"text"}) / "a.zip", "a.zip is no archive: allowed"
    ),
    Wrong("an empty file", lambda place: write_folder(place, {"a.zip": b""}) / "a.zip", "a.zip is empty: allowed"),
    Wrong("a truncated zip", truncated_zip, "own.zip is damaged"),
    Wrong("a damaged zip", damaged_zip, "own.zip .* 1 picture cannot be read: .* is damaged: Bad CRC-32"),
    Wrong("an encrypted zip", encrypted_zip, "is encrypted: allowed are plain files"),
    # classes
    Wrong("an empty folder", lambda place: write_folder(place / "own", {"x": b""}).parent / "none", "is not there"),
    Wrong("no class", lambda place: (place / "own").mkdir() or place / "own", "holds no class: expected one folder a"),
    Wrong(
        "an empty zip", lambda place: write_zip(place / "own.zip", {}), "holds no class: expected one folder a class"
    ),
    Wrong(
        "a zip of something else",
        zip_with({"docs/a.txt": b"text"}, count=0),
        "holds no class.*no picture by name: 'docs/a.txt'",
    ),
    Wrong("one picture a class", folder_with({}, pictures=1), "6 classes have fewer than 2 pictures.*class00"),
    Wrong("one class of one picture", zip_with({"poor/0.png": picture(9999)}), "1 class has fewer than 2 .*: 'poor'"),
    Wrong("two classes", folder_with({}, count=2), "2 classes cannot be split into 1 for validation, 1 for testing"),
    Wrong(
        "pictures beside the classes",
        folder_with({"stray.png": picture(1)}),
        "1 picture is not in the folder of a class: 'stray.png'",
    ),
    Wrong(
        "classes in classes",
        folder_with({"class00/deep/0.png": picture(1)}),
        "not in the folder of a class: 'class00/deep/0.png'",
    ),
    Wrong(
        "one picture in two classes", folder_with({"class01/again.png": picture(0)}), "'class00/0.png' = 'class01/ag"
    ),
    Wrong("one picture twice in a class", zip_with({"class00/again.png": picture(0)}), "1 picture stands in several"),
    Wrong("a name twice in a zip", zip_with_a_doubled_name, "holds 'class00/0.png' 2 times: allowed is once"),
    # names that lead elsewhere
    Wrong("a path up", zip_with({"../../evil/0.png": picture(1)}), r"'\.\./\.\./evil/0.png' is no name of a"),
    Wrong("a path up inside", zip_with({"class00/../../0.png": picture(1)}), "is no name of a file"),
    Wrong("an absolute path", zip_with({"/etc/cron.d/0.png": picture(1)}), "'/etc/cron.d/0.png' is no name of a"),
    Wrong("a drive", zip_with({"C:/x/0.png": picture(1)}), "'C:/x/0.png' is no name of a file in it"),
    Wrong("backslashes", zip_with({"..\\evil\\0.png": picture(1)}), "is no name of a file"),
    Wrong("no name", zip_with({"class00//0.png": picture(1)}), "is no name of a file"),
    Wrong("a name to confuse terminals", zip_with({"class00/\x1b[31m.png": picture(1)}), "is no name of a file"),
    Wrong("a name that reads backwards", zip_with({"class00/\u202egnp.png": picture(1)}), "is no name of a file"),
    Wrong(
        "a folder name that is no text",
        folder_with({os.fsdecode(b"\xff") + "/0.png": picture(1)}),
        "is no name of a file",
    ),
    Wrong("a link to a file", link_in("/etc/passwd", "class00/link.png"), "link.png' is a link: allowed are"),
    Wrong("a link to a folder", link_in("/", "class99"), "class99' is a link: allowed are folders and plain files"),
    Wrong("a link to itself", link_in("class00", "class00/loop"), "loop' is a link"),
    Wrong("a link in a zip", zip_of_a_link, "'class00/link.png' is a link: allowed are plain files"),
    Wrong("a pipe that never ends", pipe_in, "endless.png' is no plain file"),
    # pictures
    Wrong("no picture", folder_with({"class00/x.png": b"text"}), "'class00/x.png' is unreadable"),
    Wrong("an empty picture", zip_with({"class00/x.png": b""}), "'class00/x.png' is unreadable"),
    Wrong("half a PNG", folder_with({"class00/x.png": picture(1)[:-300]}), "'class00/x.png' is unreadable"),
    Wrong("half a JPEG", folder_with({"class00/x.jpg": picture(1, kind="JPEG")[:-200]}), "x.jpg' is unreadable"),
    Wrong("a picture of another kind", folder_with({"class00/x.png": sixteen_bits()}), "'class00/x.png' is unreadable"),
    Wrong("SVG", folder_with({"class00/x.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}), "is unreadable"),
    Wrong("PostScript", folder_with({"class00/x.png": b"%!PS-Adobe-3.0 EPSF-3.0\n"}), "is unreadable"),
    # bombs
    Wrong(
        "a PNG of 65000 x 65000", folder_with({"class00/x.png": png_that_claims(65000, 65000)}), "is a decompression"
    ),
    Wrong("a PNG of 9000 x 9000", folder_with({"class00/x.png": png_that_claims(9000, 9000)}), "9000 x 9000: more"),
    Wrong("a PNG with a bomb in a comment", folder_with({"class00/x.png": png_with_text_bomb()}), "is unreadable"),
    Wrong("a zip bomb", zip_bomb, "unpacks to 100000000 bytes from .*: a bomb"),
]
