"""What tasks are made of: one frozen config per dataset."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from phiforge.registry.section import Part


class OmniglotData(Part):
    """Handwritten characters, 1623 classes x 20 drawings (Lake et al. 2015)."""

    regression: ClassVar[bool] = False
    name: Literal["omniglot"] = "omniglot"
    split: Literal["half", "lake", "vinyals", "random1200"] = "half"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the characters of 'half' and 'random1200'.")
    validation_characters: int = Field(
        default=100, ge=1, description="Characters taken out of the training side (not used by 'vinyals')."
    )
    rotations: bool = Field(default=True, description="Turns by 90, 180, 270 degrees are further classes.")
    image_size: int = Field(default=28, ge=8, le=105)


class GlyphsData(Part):
    """Letters of the world's scripts drawn from matplotlib's typefaces: a stand-in that needs no download."""

    regression: ClassVar[bool] = False
    name: Literal["glyphs"] = "glyphs"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the letters before they are split.")
    rotations: bool = Field(default=False, description="Turns by 90, 180, 270 degrees are further classes.")
    drawings: int = Field(default=20, ge=2, le=100, description="Jittered drawings of each letter.")
    jitter: float = Field(default=1.0, ge=0.0, le=2.0, description="Strength of the affine and elastic jitter.")
    image_size: int = Field(default=28, ge=8, le=105)


class ImagesData(Part):
    """A person's own pictures, one folder a class; where they are is a setting, PHIFORGE_IMAGES."""

    regression: ClassVar[bool] = False
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


_Bound = Annotated[float, Field(ge=-1e6, le=1e6)]


class SinusoidData(Part):
    """Regression tasks y = A sin(x - p), of an amplitude and a phase each (Finn et al. 2017, section 5.1)."""

    regression: ClassVar[bool] = True
    name: Literal["sinusoid"] = "sinusoid"
    amplitudes: tuple[_Bound, _Bound] = Field(default=(0.1, 5.0), description="Least and most amplitude.")
    phases: tuple[_Bound, _Bound] = Field(default=(0.0, math.pi), description="Least and most phase.")
    inputs: tuple[_Bound, _Bound] = Field(default=(-5.0, 5.0), description="Least and most x.")

    @field_validator("amplitudes", "phases", "inputs")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] > bounds[1]:
            raise ValueError(f"the least, {bounds[0]}, is above the most, {bounds[1]}")
        return bounds


DataSpec = Annotated[OmniglotData | GlyphsData | ImagesData | SinusoidData, Field(discriminator="name")]
