"""Archives that people make: zips of Windows, tars, folders in folders; and those that were made to do harm."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.runs.datasets import load, prepare
from phiforge.runs.store import LocalStore
from phiforge.tasks.datasets.bases.files import limits
from phiforge.tasks.datasets.images import Images, ImagesData
from tests.badinput.pictures import classes, picture, write_folder, write_zip


def digest(place: Path, tmp_path: Path) -> str:
    return prepare(ImagesData(), Settings(images=place), LocalStore(tmp_path / "store")).digest


def refused(place: Path, tmp_path: Path, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        digest(place, tmp_path)


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def write_tar(path: Path, files: dict[str, bytes], *more: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info, data in [*(member(name, data) for name, data in files.items()), *more]:
            archive.addfile(info, io.BytesIO(data))
    return path


def write_windows_zip(path: Path, files: dict[str, bytes]) -> Path:
    """Write a zip as .NET before 4.6.1 does, folders included."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ["class00/", *files]:
            archive.writestr(name.replace("/", "\\"), files.get(name, b""))
    return path


def inside(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": data for name, data in files.items()}


ARCHIVES: dict[str, Callable[[Path], Path]] = {
    "a zip of Windows": lambda place: write_windows_zip(place / "own.zip", classes()),
    "a zip of ./": lambda place: write_zip(place / "own.zip", inside(".", classes())),
    "a zip wrapped twice": lambda place: write_zip(place / "own.zip", inside("a/b", classes())),
    "a zip wrapped, with notes outside": lambda place: write_zip(
        place / "own.zip", inside("a/b/c", classes()) | {"README.txt": b"x", "a/LICENSE": b"x"}
    ),
    "a folder wrapped twice": lambda place: write_folder(place / "own", inside("a/b", classes())),
    "a tar": lambda place: write_tar(place / "own.tar", classes()),
    "a tar.gz": lambda place: write_tar(place / "own.tar.gz", classes(), mode="w:gz"),
    "a tgz of ./": lambda place: write_tar(
        place / "own.tgz", inside(".", classes()), member(".", type=tarfile.DIRTYPE), mode="w:gz"
    ),
    "a tar in another order, with folders and leftovers": lambda place: write_tar(
        place / "own.tar",
        dict(reversed(classes().items())),
        member("class00", type=tarfile.DIRTYPE),
        member("class00/._0.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    ),
    "a tar by another name": lambda place: write_tar(place / "own.zip", classes()),
    "a zip by another name": lambda place: write_zip(place / "own.tar.gz", classes()),
}


def unmarked(data: bytes) -> bytes:
    """Return a zip that does not say that its names are UTF-8, in the header of each member and in the directory."""
    changed = bytearray(data)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(mark)
        while start >= 0:
            changed[start + flags + 1] &= ~0x08
            start = data.find(mark, start + 1)
    return bytes(changed)


def test_a_zip_of_the_finder(tmp_path):
    # Given a zip whose names are UTF-8 and not marked so, I expect the names that were written.
    named = {f"{'café' if name[:7] == 'class00' else '犬'}{name[5:]}": data for name, data in classes().items()}
    place = write_zip(tmp_path / "own.zip", named)
    place.write_bytes(unmarked(place.read_bytes()))
    assert b"caf\xc3\xa9" in place.read_bytes()
    plain = write_folder(tmp_path / "plain", named)
    assert digest(place, tmp_path) == digest(plain, tmp_path)


@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_is_the_folder_that_it_was_made_of(make, tmp_path):
    # Given pictures in a plain folder and in an archive, I expect one dataset.
    plain = write_folder(tmp_path / "plain", classes())
    assert digest(make(tmp_path), tmp_path) == digest(plain, tmp_path)


NO_ARCHIVES = {
    b"some text": "is no archive: allowed are a folder, a zip, and a tar",
    b"": "is empty",
    b"Rar!\x1a\x07": "is a RAR",
    b"7z\xbc\xaf\x27\x1c": "is a 7z",
    b"BZh91AY": "is packed by bzip2",
    b"\x89PNG\r\n\x1a\n" + b"\0" * 600: "is no archive",
    b"PK\3\4" + b"\0" * 600: "is damaged: File is not a zip file",
    gzip.compress(b"some text"): "is damaged, or no tar",
    gzip.compress(b""): "is damaged, or no tar",
}


@pytest.mark.parametrize(("data", "expected"), NO_ARCHIVES.items(), ids=NO_ARCHIVES.values())
def test_what_is_no_archive_is_called_that(data, expected, tmp_path):
    # Given a file that is none, I expect what it is, and what is allowed; damage is said of archives alone.
    refused(write_folder(tmp_path, {"own.zip": data}) / "own.zip", tmp_path, expected)


def cut(path: Path, by: int) -> Path:
    path.write_bytes(path.read_bytes()[:-by])
    return path


def flipped(path: Path, at: int) -> Path:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    return path


def raw_header(**fields: object) -> bytes:
    return bytearray(member("class00/x.png", **fields)[0].tobuf(tarfile.GNU_FORMAT))


HARMFUL: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a link": (
        lambda own: write_tar(own, classes(), member("class00/l.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "'class00/l.png' is a link",
    ),
    "a hard link": (
        lambda own: write_tar(own, classes(), member("class00/l.png", type=tarfile.LNKTYPE, linkname="class00/0.png")),
        "'class00/l.png' is a link",
    ),
    "a device": (
        lambda own: write_tar(own, classes(), member("class00/d.png", type=tarfile.CHRTYPE)),
        "'class00/d.png' is no plain file",
    ),
    "a pipe": (
        lambda own: write_tar(own, classes(), member("class00/p.png", type=tarfile.FIFOTYPE)),
        "'class00/p.png' is no plain file",
    ),
    "a path up": (lambda own: write_tar(own, classes() | {"../../x.png": b""}), r"'\.\./\.\./x.png' is no name"),
    "an absolute path": (lambda own: write_tar(own, classes() | {"/etc/x.png": b""}), "'/etc/x.png' is no name"),
    "a name twice": (lambda own: write_tar(own, classes(), member("class00/0.png")), "'class00/0.png' 2 times"),
    "a bomb": (lambda own: write_tar(own, {"a/x.png": b"\0" * 100_000_000}, mode="w:gz"), "a bomb"),
    "a bomb of many": (
        lambda own: write_tar(own, {f"a/{n}.png": b"\0" * 9_000_000 for n in range(9)}, mode="w:gz"),
        "unpacks to more than 67108864 bytes: a bomb",
    ),
    "a huge member": (
        lambda own: own.write_bytes(bytes(raw_header(size=2**40))) and own,
        "'class00/x.png' in .* has 1099511627776 bytes: a bomb",
    ),
    "a huge header": (
        lambda own: own.write_bytes(bytes(raw_header(size=2**40, type=tarfile.XHDTYPE))) and own,
        "has a header of 1099511627776 bytes",
    ),
    "a member that leads backwards": (
        lambda own: own.write_bytes(bytes(raw_header(size=-1024)) * 2) and own,
        "is damaged",
    ),
    "a header that leads backwards": (
        lambda own: own.write_bytes(bytes(raw_header(size=-1024, type=tarfile.XHDTYPE)) * 2) and own,
        "has a header of -1024 bytes",
    ),
    "headers without end": (
        lambda own: own.write_bytes(bytes(raw_header(type=tarfile.GNUTYPE_LONGNAME)) * 5000) and own,
        "is damaged",
    ),
    "a tar that was cut": (lambda own: cut(write_tar(own, classes()), 12000), "is damaged"),
    "a tar.gz that was cut": (lambda own: cut(write_tar(own, classes(), mode="w:gz"), 100), "is damaged"),
    "a wrong header": (lambda own: flipped(write_tar(own, classes()), 2048), "is damaged: a header is wrong"),
    "a wrong bit in a tar.gz": (lambda own: flipped(write_tar(own, classes(), mode="w:gz"), -5), "is damaged"),
}


@pytest.mark.parametrize(("make", "expected"), HARMFUL.values(), ids=HARMFUL)
def test_a_tar_that_does_harm_is_refused(make, expected, tmp_path):
    # Given a tar that leads elsewhere, is a bomb or is damaged, I expect what is wrong with it.
    refused(make(tmp_path / "own.tar"), tmp_path, expected)


def test_a_tar_of_too_many(tmp_path):
    # Given a limit that a few members pass, I expect it to be said.
    place = write_tar(tmp_path / "own.tar", classes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phiforge.tasks.datasets.images.MOST_FILES", 10)
        refused(place, tmp_path, "holds more than 10 files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MOST_FILE_BYTES", 100)
        refused(place, tmp_path, "a bomb")


def test_all_bad_names_and_links_are_told_at_once(tmp_path):
    # Given an archive with several members that are refused
    link = member("class01/l.png", type=tarfile.SYMTYPE, linkname="x")
    place = write_tar(tmp_path / "own.tar", classes() | {"../a.png": b"", "/b.png": b""}, link)
    # I expect each in one error.
    with pytest.raises(DataError, match=r"it has 3 problems") as caught:
        Images(ImagesData(), Settings(images=place))
    assert all(name in str(caught.value) for name in ("'../a.png'", "'/b.png'", "'class01/l.png'"))


def test_a_packed_tar_is_unpacked_once_a_pass(tmp_path, monkeypatch):
    # Given a tar.gz whose order is not that of the classes
    place = write_tar(tmp_path / "own.tgz", dict(reversed(classes().items())), mode="w:gz")
    rewinds = []
    monkeypatch.setattr(gzip.GzipFile, "rewind", lambda self: rewinds.append(self))
    # If it is read, I expect that nobody goes back in it.
    store = LocalStore(tmp_path / "store")
    assert len(load(prepare(ImagesData(), Settings(images=place), store).digest, store).images) == 24
    assert rewinds == []


def test_backslashes_that_lead_elsewhere(tmp_path):
    # Given names of Windows that lead up, to a drive or to another machine, I expect each to be refused.
    for name in ("..\\x.png", "C:\\a\\x.png", "\\\\server\\a\\x.png"):
        with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
            archive.writestr(name, picture(1))
        refused(tmp_path / "own.zip", tmp_path, "is no name of a file in it")
