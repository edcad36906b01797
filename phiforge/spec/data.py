"""What tasks are made of: one frozen config per dataset."""

from typing import Annotated, Literal

from pydantic import Field

from phiforge.spec.part import Part


class OmniglotData(Part):
    """Handwritten characters, 1623 classes x 20 drawings (Lake et al. 2015)."""

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

    name: Literal["glyphs"] = "glyphs"
    split_seed: int = Field(default=0, ge=0, description="Shuffles the letters before they are split.")
    rotations: bool = Field(default=False, description="Turns by 90, 180, 270 degrees are further classes.")
    drawings: int = Field(default=20, ge=2, le=100, description="Jittered drawings of each letter.")
    jitter: float = Field(default=1.0, ge=0.0, le=2.0, description="Strength of the affine and elastic jitter.")
    image_size: int = Field(default=28, ge=8, le=105)


DataSpec = Annotated[OmniglotData | GlyphsData, Field(discriminator="name")]
