"""Omniglot: 1623 handwritten characters of 50 alphabets, 20 drawings each (Lake, Salakhutdinov and Tenenbaum 2015)."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import SPLITS, Dataset, Progress, SourceClass, TaskClass
from phiforge.tasks.datasets.bases.download import download
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted, shrunk
from phiforge.tasks.datasets.bases.source import DatasetSource

CHARACTERS = {"images_background": 964, "images_evaluation": 659}
DRAWINGS = 20
MOST_DRAWING_BYTES = 2**20
MOST_SIDE = 1024
"""Pixels; the real drawings are of 105, and of some hundred bytes."""

IMAGES_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
LISTS_URL = "https://raw.githubusercontent.com/jakesnell/prototypical-networks/master/data/omniglot/splits/vinyals"
SHA256 = {
    "images_background": "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
    "images_evaluation": "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
}


class OmniglotData(PartConfig):
    """Handwritten characters, 1623 classes x 20 drawings (Lake et al. 2015)."""

    name: Literal["omniglot"] = "omniglot"
    split: Literal["half", "lake", "vinyals", "random1200"] = "half"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the characters of 'half' and 'random1200'.")
    validation_characters: int = Field(
        default=100, ge=1, description="Characters taken out of the training side (not used by 'vinyals')."
    )
    rotations: bool = Field(default=True, description="Turns by 90, 180, 270 degrees are further classes.")
    image_size: int = Field(default=28, ge=8, le=105)


class Character(NamedTuple):
    """One character of one archive and its drawings, in order: the names of their files, and these as PNG bytes."""

    archive: str
    name: str
    files: list[str]
    drawings: list[bytes]


class Omniglot(DatasetSource):
    """Reads Omniglot from a local folder of zips or extracted trees, or downloads the zips first."""

    Config = OmniglotData
    config: OmniglotData

    def __init__(
        self,
        config: OmniglotData,
        settings: Settings,
        progress: Progress | None = None,
        urls: tuple[str, str] = (IMAGES_URL, LISTS_URL),
    ) -> None:
        """Find the archives; raises DataError if the folder given lacks them or they cannot be downloaded."""
        super().__init__(config, settings, progress)
        folder = settings.omniglot
        self.folder = folder or settings.home / "data" / "omniglot"
        self._images_url, self._lists_url = urls
        self._archives = {name: self._find(name, download_it=folder is None) for name in CHARACTERS}

    @classmethod
    def turns(cls, config: OmniglotData) -> bool:
        """Say whether turned classes are classes of their own."""
        return config.rotations

    @classmethod
    def input_shape(cls, config: OmniglotData) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return 1, config.image_size, config.image_size

    @classmethod
    def preprocessing(cls, config: OmniglotData) -> Wanted:
        """Return how the drawings are made small: grey, with ink 255 on 0."""
        return Wanted(config.image_size, colours=False, inverted=True)

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 of each archive, and of each split list that is used."""
        found = {name: sha256_hex(b"".join(_raw(path))) for name, path in self._archives.items()}
        return found | {split: sha256_hex(text.encode()) for split, text in self._lists().items()}

    def build(self) -> Dataset:
        """Decode, resize and split; raises DataError if characters or drawings are missing or unreadable."""
        characters = [each for name, path in self._archives.items() for each in self._characters(name, path)]
        images = np.empty((len(characters) * DRAWINGS, 1, *2 * (self.config.image_size,)), np.uint8)
        for number, character in enumerate(characters):
            for index, drawing in enumerate(character.drawings):
                images[number * DRAWINGS + index, 0] = _decode(character, drawing, self.preprocessing(self.config))
            if self.progress and number % 50 == 0:
                self.progress("reading Omniglot", number, len(characters))
        classes = tuple(
            SourceClass(f"{character.archive}/{character.name}", number * DRAWINGS, DRAWINGS)
            for number, character in enumerate(characters)
        )
        number_of = {character.name: number for number, character in enumerate(characters)}
        files = [file for character in characters for file in character.files]
        return Dataset("omniglot", images, classes, self._split(number_of), self.fingerprint(), files)

    def _split(self, number_of: dict[str, int]) -> dict[str, tuple[TaskClass, ...]]:
        config, background = self.config, CHARACTERS["images_background"]
        validation, seed = config.validation_characters, config.split_seed
        if config.split == "vinyals":
            return splits.vinyals(self._lists(), number_of, rotations=config.rotations)
        chosen = {
            "half": lambda: splits.half(len(number_of), validation, seed),
            "lake": lambda: splits.lake(background, len(number_of), validation, seed),
            "random1200": lambda: splits.random1200(len(number_of), validation, seed),
        }[config.split]()
        return splits.with_rotations(chosen, rotations=config.rotations)

    def _find(self, name: str, *, download_it: bool) -> Path:
        for path in (self.folder / f"{name}.zip", self.folder / name):
            if path.exists():
                return path
        if not download_it:
            raise DataError(f"PHIFORGE_OMNIGLOT names {self.folder}, where there is neither {name}.zip nor {name}/")
        return download(f"{self._images_url}/{name}.zip", self.folder / f"{name}.zip", SHA256[name], self.progress)

    def _lists(self) -> dict[str, str]:
        if self.config.split != "vinyals":
            return {}
        return {split: self._list(name) for split, name in zip(SPLITS, ("train", "val", "test"), strict=True)}

    def _list(self, name: str) -> str:
        path = self.folder / "splits" / "vinyals" / f"{name}.txt"
        return download(f"{self._lists_url}/{name}.txt", path, progress=self.progress).read_text()

    def _characters(self, archive: str, path: Path) -> Iterator[Character]:
        """Yield the characters of an archive in order of name; raises DataError if it is not whole."""
        read = _read_zip if path.suffix == ".zip" else _read_tree
        by_name: dict[str, dict[str, bytes]] = {}
        for member, data in read(path):
            by_name.setdefault("/".join(member.split("/")[-3:-1]), {})[member] = data
        wrong = [name for name, drawings in by_name.items() if len(drawings) != DRAWINGS]
        if len(by_name) != CHARACTERS[archive] or wrong:
            raise DataError(
                f"{path} holds {len(by_name)} characters, expected {CHARACTERS[archive]}"
                + (f"; {wrong[0]} has {len(by_name[wrong[0]])} drawings, expected {DRAWINGS}" if wrong else "")
            )
        for name in sorted(by_name):
            yield Character(archive, name, list(by_name[name]), list(by_name[name].values()))


def _read_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in sorted(name for name in archive.namelist() if name.endswith(".png")):
                _check_size(path, member, archive.getinfo(member).file_size)
                yield member, archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}): delete it and try again") from error


def _read_tree(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(path.rglob("*.png"), key=lambda file: file.relative_to(path).as_posix()):
        name = file.relative_to(path.parent).as_posix()
        _check_size(path, name, file.stat().st_size)
        yield name, file.read_bytes()


def _check_size(path: Path, name: str, size: int) -> None:
    """Raise DataError for a file that is too large for a drawing: it may be a bomb."""
    if size > MOST_DRAWING_BYTES:
        raise DataError(f"{name!r} in {path} has {size} bytes: no drawing has more than {MOST_DRAWING_BYTES}")


def _raw(path: Path) -> Iterator[bytes]:
    """Yield all that tells an archive from another."""
    if path.is_file():
        yield path.read_bytes()
    else:
        yield from (part for name, data in _read_tree(path) for part in (name.encode(), data))


def _decode(character: Character, drawing: bytes, wanted: Wanted) -> NDArray[np.uint8]:
    """Return one drawing [side, side] as it is wanted."""
    try:
        with Image.open(io.BytesIO(drawing), formats=("PNG",)) as image:
            if max(image.size) > MOST_SIDE:
                raise ValueError(f"it is {image.width} x {image.height}, allowed are {MOST_SIDE} a side")
            small = shrunk(image, wanted)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"a drawing of {character.name} in {character.archive} is unreadable: {error}") from error
    return small.reshape(wanted.side, wanted.side)
