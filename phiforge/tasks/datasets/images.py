"""Images: a person's own pictures, one folder a class, in a folder or a zip that ``PHIFORGE_IMAGES`` names.

Pictures come from anywhere, so nothing about them is taken for granted: every file is bounded before it is read, every
picture before it is decoded, and no name in an archive is ever a path on this machine.
"""

import hashlib
import io
import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import Field

from phiforge.base.errors import DataError
from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import Dataset, Progress, SourceClass
from phiforge.tasks.datasets.bases.files import FileTree, open_tree
from phiforge.tasks.datasets.bases.source import DatasetSource

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_IGNORED = ("thumbs.db", "desktop.ini")

MOST_PIXELS = 64_000_000
"""Of one picture, as its header says before anything is decoded: more than any camera has, and 256 MB at most."""
MOST_FILES = 2_000_000
MOST_BYTES = 8 * 2**30
"""Of all pictures together, once they are made small."""
FEWEST = 2
"""Pictures of a class: one to learn from, one to be asked."""
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


class ImagesData(PartConfig):
    """A person's own pictures, one folder a class; where they are is a setting, PHIFORGE_IMAGES."""

    name: Literal["images"] = "images"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the classes before they are split.")
    validation: float = Field(default=0.16, gt=0, lt=1, description="Fraction of the classes that choose the best φ.")
    test: float = Field(default=0.2, gt=0, lt=1, description="Fraction of the classes that judge it once.")
    rotations: bool = Field(default=False, description="Turns by 90, 180, 270 degrees are further classes.")
    colour: Literal["grey", "rgb"] = "grey"
    image_size: int = Field(default=28, ge=8, le=256)

    @property
    def channels(self) -> int:
        """Channels of one image."""
        return 3 if self.colour == "rgb" else 1


class Picture(NamedTuple):
    """One file: its place in the tree, and the SHA-256 of its bytes."""

    path: str
    digest: str


class Images(DatasetSource):
    """Reads pictures, resizes them by an area-preserving filter and splits their classes by a seed."""

    Config = ImagesData
    config: ImagesData

    def __init__(self, config: ImagesData, settings: Settings, progress: Progress | None = None) -> None:
        """Find the classes; raises DataError, naming all that is wrong with names and numbers, if they are none."""
        super().__init__(config, settings, progress)
        if settings.images is None:
            raise DataError(
                "data 'images' needs PHIFORGE_IMAGES: a folder, or a zip, of one folder of pictures a class"
            )
        self._tree = open_tree(settings.images)
        self._classes = _classes_of(self._tree)
        self._check_sizes()

    @classmethod
    def input_shape(cls, config: ImagesData) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return config.channels, config.image_size, config.image_size

    def fingerprint(self) -> dict[str, str]:
        """Return the SHA-256 over the names and bytes of all pictures: where they lie does not matter."""
        whole = hashlib.sha256()
        for name, pictures in self._read().items():
            for picture in pictures:
                whole.update(f"{name}/{picture.path.rsplit('/', 1)[-1]}\0{picture.digest}\n".encode())
        return {"pictures": whole.hexdigest()}

    def build(self) -> Dataset:
        """Decode, resize and split; raises DataError for a picture that is none, or that stands in two places."""
        source = self.fingerprint()
        count = sum(map(len, self._classes.values()))
        side = self.config.image_size
        images = np.empty((count, self.config.channels, side, side), np.uint8)
        classes: list[SourceClass] = []
        done = 0
        for name, paths in self._classes.items():
            classes.append(SourceClass(name, done, len(paths)))
            for path in paths:
                images[done] = decode(path, self._tree.read(path), self.config)
                done += 1
                if self.progress and done % 50 == 0:
                    self.progress("reading pictures", done, count)
        split = splits.shares(len(classes), self.config.validation, self.config.test, self.config.split_seed)
        turned = splits.with_rotations(split, rotations=self.config.rotations)
        return Dataset("images", images, tuple(classes), turned, source)

    def _read(self) -> dict[str, list[Picture]]:
        """Hash every file; raises DataError if two are the same picture: one could be asked for what it taught."""
        seen: dict[str, str] = {}
        found: dict[str, list[Picture]] = {}
        for name, paths in self._classes.items():
            for path in paths:
                digest = hashlib.sha256(self._tree.read(path)).hexdigest()
                if digest in seen:
                    raise DataError(
                        f"{path!r} and {seen[digest]!r} in {self._tree.place} are the same picture, which could be "
                        "learned from and asked for at once: delete one"
                    )
                seen[digest] = path
                found.setdefault(name, []).append(Picture(path, digest))
        return found

    def _check_sizes(self) -> None:
        few = [name for name, paths in self._classes.items() if len(paths) < FEWEST]
        if few:
            raise DataError(
                f"{len(few)} classes of {self._tree.place} have fewer than {FEWEST} pictures, one to learn from and "
                f"one to be asked for: {', '.join(few[:5])}; add pictures or delete these folders"
            )
        splits.shares(len(self._classes), self.config.validation, self.config.test, self.config.split_seed)
        count, side = sum(map(len, self._classes.values())), self.config.image_size
        if count * self.config.channels * side * side > MOST_BYTES:
            raise DataError(
                f"{count} pictures of {self.config.channels} x {side} x {side} are more than {MOST_BYTES} bytes: lower "
                "data.image_size, or take fewer pictures"
            )


def decode(path: str, data: bytes, config: ImagesData) -> NDArray[np.uint8]:
    """Return one picture [channels, size, size]: upright, on white, its middle square, made small by a Lanczos filter.

    Raises DataError if it is none of the formats, claims more than ``MOST_PIXELS``, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_pixels(path, image.size)
                upright = ImageOps.exif_transpose(_eight_bits(image))
                flat = _on_white(upright).convert("RGB" if config.colour == "rgb" else "L")
                side = (config.image_size, config.image_size)
                small = np.asarray(ImageOps.fit(flat, side, Image.Resampling.LANCZOS))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"picture {path!r} is a decompression bomb: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError) as error:
        raise DataError(f"picture {path!r} is unreadable: {error}; allowed are whole {', '.join(_FORMATS)}") from error
    return small[None] if small.ndim == 2 else np.moveaxis(small, 2, 0)


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


def _on_white(image: Image.Image) -> Image.Image:
    """Return what is seen of a transparent picture on white paper."""
    if not image.has_transparency_data:
        return image
    see_through = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", see_through.size, "white"), see_through)


def _classes_of(tree: FileTree) -> dict[str, list[str]]:
    """Return the pictures of each class in order of name; one folder around all classes does not count.

    Raises DataError for a file that is no picture, a picture outside a class, or no class at all.
    """
    paths = [path for path in tree.paths(MOST_FILES) if not _is_ignored(path)]
    parts = [path.split("/") for path in paths]
    depth = 3 if parts and min(map(len, parts)) >= 3 and len({each[0] for each in parts}) == 1 else 2
    wrong = [path for path, each in zip(paths, parts, strict=True) if len(each) != depth]
    if wrong:
        raise DataError(
            f"{wrong[0]!r} in {tree.place} is not in the folder of a class ({len(wrong)} such files): allowed are "
            "CLASS/PICTURE, one folder deep"
        )
    strange = [path for path in paths if not path.lower().endswith(SUFFIXES)]
    if strange:
        raise DataError(
            f"{strange[0]!r} in {tree.place} is no picture by its name ({len(strange)} such files): allowed are "
            f"{', '.join(SUFFIXES)}; convert or delete it"
        )
    classes: dict[str, list[str]] = {}
    for path, each in sorted(zip(paths, parts, strict=True), key=lambda pair: pair[1]):
        classes.setdefault(each[-2], []).append(path)
    if not classes:
        raise DataError(f"{tree.place} holds no class: expected one folder a class, with its pictures in it")
    return classes


def _is_ignored(path: str) -> bool:
    """Say whether a file is what systems leave behind in folders and zips."""
    parts: Sequence[str] = path.split("/")
    return parts[-1].lower() in _IGNORED or parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)
