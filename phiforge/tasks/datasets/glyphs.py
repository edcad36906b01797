"""Glyphs: letters of the world's scripts, drawn from matplotlib's typefaces: a stand-in that needs no download."""

import unicodedata
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydantic import Field
from torch import Tensor

from phiforge.base.canonical import sha256_hex
from phiforge.base.seeds import numpy_generator
from phiforge.base.settings import Settings
from phiforge.registry import PartConfig
from phiforge.tasks.datasets.bases import splits
from phiforge.tasks.datasets.bases.dataset import Dataset, Progress, SourceClass
from phiforge.tasks.datasets.bases.pictures.decoding import Wanted
from phiforge.tasks.datasets.bases.source import DatasetSource
from phiforge.tasks.datasets.bases.threads import one_thread

FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
)
FEWEST_FACES = 8
CANVAS = 64
"""Side of the square a letter is drawn on before it is bent and made small."""
TRAIN, VALIDATION = 0.64, 0.16
SHAPE = 16
"""Side of the square on which letters are compared."""
LOOKALIKE = 0.06
"""Mean difference of ink, in [0, 1], under which two letters count as one shape: A is Alpha, o is O."""
CONTENT_SEED = "glyphs-1"
"""Names the jitter; change it when the drawing changes."""


class GlyphsData(PartConfig):
    """Letters of the world's scripts drawn from matplotlib's typefaces: a stand-in that needs no download."""

    name: Literal["glyphs"] = "glyphs"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the letters before they are split.")
    rotations: bool = Field(default=False, description="Turns by 90, 180, 270 degrees are further classes.")
    drawings: int = Field(default=20, ge=2, le=100, description="Jittered drawings of each letter.")
    jitter: float = Field(default=1.0, ge=0.0, le=2.0, description="Strength of the affine and elastic jitter.")
    image_size: int = Field(default=28, ge=8, le=105)


class Letter(NamedTuple):
    """One character and the faces that have it."""

    character: str
    faces: tuple[str, ...]


class Glyphs(DatasetSource):
    """Draws every letter ``drawings`` times: a random face, then affine and elastic jitter."""

    Config = GlyphsData
    config: GlyphsData

    def __init__(self, config: GlyphsData, settings: Settings, progress: Progress | None = None) -> None:
        super().__init__(config, settings, progress)
        self.folder = Path(mpl.get_data_path()) / "fonts" / "ttf"

    @classmethod
    def turns(cls, config: GlyphsData) -> bool:
        """Say whether turned classes are classes of their own."""
        return config.rotations

    @classmethod
    def input_shape(cls, config: GlyphsData) -> tuple[int, ...]:
        """Return (channels, height, width)."""
        return 1, config.image_size, config.image_size

    @classmethod
    def preprocessing(cls, config: GlyphsData) -> Wanted:
        """Return how a person's own drawing is made like these: dark ink on light paper becomes 255 on 0."""
        return Wanted(config.image_size, colours=False, inverted=True)

    def fingerprint(self) -> dict[str, str]:
        """Return the versions of what draws, and the typefaces' hashes."""
        faces = {face: sha256_hex((self.folder / f"{face}.ttf").read_bytes()) for face in FACES}
        return faces | {"torch": torch.__version__, "content": CONTENT_SEED}

    def build(self) -> Dataset:
        """Draw the dataset: a few seconds."""
        letters = _letters(self.folder)
        with one_thread():
            drawn = self._draw_all(letters)
        count = self.config.drawings
        classes = tuple(
            SourceClass(f"U+{ord(letter.character):04X} {unicodedata.name(letter.character)}", number * count, count)
            for number, letter in enumerate(letters)
        )
        shuffled = [
            int(each) for each in numpy_generator("split", "glyphs", self.config.split_seed).permutation(len(letters))
        ]
        training, chosen = int(TRAIN * len(letters)), int((TRAIN + VALIDATION) * len(letters))
        split = {"train": shuffled[:training], "validation": shuffled[training:chosen], "test": shuffled[chosen:]}
        task_classes = splits.with_rotations(split, rotations=self.config.rotations)
        images = np.concatenate([images for images, _ in drawn])
        files = [f"{face}.ttf" for _, faces in drawn for face in faces]
        return Dataset("glyphs", images, classes, task_classes, self.fingerprint(), files)

    def _draw_all(self, letters: list[Letter]) -> list[tuple[NDArray[np.uint8], list[str]]]:
        """Return of each letter the drawings [drawings, 1, size, size], and the face of each."""
        fonts = {face: ImageFont.truetype(self.folder / f"{face}.ttf", CANVAS // 2) for face in FACES}
        drawn = []
        for number, letter in enumerate(letters):
            drawn.append(self._draw(letter, fonts))
            if self.progress and number % 20 == 0:
                self.progress("drawing glyphs", number, len(letters))
        return drawn

    def _draw(self, letter: Letter, fonts: dict[str, ImageFont.FreeTypeFont]) -> tuple[NDArray[np.uint8], list[str]]:
        """Return the jittered drawings [drawings, 1, size, size] of one letter, and the face of each."""
        generator = numpy_generator(CONTENT_SEED, letter.character)
        faces = [letter.faces[face] for face in generator.choice(len(letter.faces), size=self.config.drawings)]
        rendered = {face: _render(letter.character, fonts[face]) for face in set(faces)}
        plain = np.stack([rendered[face] for face in faces])
        grid = _jitter(generator, len(plain), self.config.jitter)
        bent = F.grid_sample(torch.from_numpy(plain)[:, None].float(), grid, align_corners=False)
        size = (self.config.image_size, self.config.image_size)
        small = F.interpolate(bent, size=size, mode="bilinear", antialias=True, align_corners=False)
        return small.round().clamp(0, 255).to(torch.uint8).numpy(), faces


def _letters(folder: Path) -> list[Letter]:
    """Return the letters that enough faces have, without those that look like an earlier one."""
    covered = {face: set(FT2Font(str(folder / f"{face}.ttf")).get_charmap()) for face in FACES}
    reference = ImageFont.truetype(folder / f"{FACES[0]}.ttf", CANVAS // 2)
    codes, letters = sorted(covered[FACES[0]]), list[Letter]()
    shapes = np.empty((len(codes), SHAPE, SHAPE), np.float32)
    for code in codes:
        character = chr(code)
        faces = tuple(face for face in FACES if code in covered[face])
        if len(faces) < FEWEST_FACES or not _is_plain_letter(character):
            continue
        shape = _shape(_render(character, reference))
        if not letters or np.abs(shapes[: len(letters)] - shape).mean(axis=(1, 2)).min() > LOOKALIKE:
            shapes[len(letters)] = shape
            letters.append(Letter(character, faces))
    return letters


def _is_plain_letter(character: str) -> bool:
    """Say whether it is a letter by itself: no modifier, and not one with an accent put on."""
    return unicodedata.category(character) in ("Lu", "Ll", "Lo") and not unicodedata.decomposition(character)


def _render(character: str, font: ImageFont.FreeTypeFont) -> NDArray[np.uint8]:
    """Return the character [CANVAS, CANVAS], ink 255 on 0, its box in the middle."""
    image = Image.new("L", (CANVAS, CANVAS))
    left, top, right, bottom = font.getbbox(character)
    middle = ((CANVAS - left - right) / 2, (CANVAS - top - bottom) / 2)
    ImageDraw.Draw(image).text(middle, character, fill=255, font=font)
    return np.asarray(image)


def _shape(drawn: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the ink of a drawing [SHAPE, SHAPE] in [0, 1], whatever its size and place on the canvas."""
    box = Image.fromarray(drawn).getbbox() or (0, 0, CANVAS, CANVAS)
    cropped = Image.fromarray(drawn).crop(box).resize((SHAPE, SHAPE), Image.Resampling.BOX)
    return np.asarray(cropped, np.float32) / np.float32(255)


def _jitter(generator: np.random.Generator, count: int, strength: float) -> Tensor:
    """Return sampling grids [count, CANVAS, CANVAS, 2]: a random affine map, and a smooth random field on top."""
    turn = np.deg2rad(generator.uniform(-12, 12, count) * strength)
    shear = generator.uniform(-0.15, 0.15, count) * strength
    zoom = 0.75 * np.exp(generator.uniform(-0.15, 0.15, (count, 2)) * strength)
    shift = generator.uniform(-0.08, 0.08, (count, 2)) * strength
    rotation = np.stack([np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn)], axis=1).reshape(count, 2, 2)
    slant = np.tile(np.eye(2), (count, 1, 1))
    slant[:, 0, 1] = shear
    affine = np.concatenate([(rotation @ slant) * zoom[:, :, None], shift[:, :, None]], axis=2)
    coarse = generator.normal(0, 0.05 * strength, (count, 2, 5, 5))
    shape = (CANVAS, CANVAS)
    smooth = F.interpolate(torch.from_numpy(coarse), size=shape, mode="bicubic", align_corners=True)
    grid = F.affine_grid(torch.from_numpy(affine), [count, 1, *shape], align_corners=False)
    return (grid + smooth.permute(0, 2, 3, 1)).float()
