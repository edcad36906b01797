"""ResNet-12: the deeper network of the few-shot literature.

Oreshkin et al. 2018, "TADAM", and Lee et al. 2019, "Meta-Learning with Differentiable Convex Optimization",
section 4.1.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Generator, Tensor

from phiforge.learning.networks.bases.cells.layers import Layers
from phiforge.learning.networks.bases.dropping import drop_blocks
from phiforge.learning.networks.bases.images import ImageNetwork
from phiforge.learning.networks.bases.network import MapNetwork, multiplying
from phiforge.learning.networks.bases.normalisation import PLAIN, Pass
from phiforge.learning.networks.bases.residual_block import SLOPE, ResidualBlock
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.spec.norms import GROUPS, Norm

BLOCKS = 4
SQUARES_FROM = 2
"""The first block that drops squares; those before it drop single places, as Lee et al. do."""


class Resnet12Config(PartConfig):
    """Four residual blocks of three 3x3 convolutions, each with 2x2 max-pooling and DropBlock (Lee et al. 2019)."""

    name: Literal["resnet12"] = "resnet12"
    widths: tuple[int, int, int, int] = Field(default=(64, 160, 320, 640), description="Filters of each block.")
    norm: Norm = Field(
        default="batch",
        description="batch (of the set at hand; transductive), prior (the same, drawn towards statistics in φ; "
        "transductive), running, per_step (of inner loops), layer, group, none.",
    )
    pools: int = Field(default=BLOCKS, ge=1, le=BLOCKS, description="How many of the blocks, from the first, pool.")
    average: bool = Field(default=True, description="Features are the means of maps (TADAM), else all their places.")
    keep_rate: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of a map's places that DropBlock keeps at the end of meta-training (Ghiasi et al. 2018); it "
        "falls to that evenly from 1. 1: nothing is dropped.",
    )
    drop_block: int = Field(
        default=5, ge=1, le=64, description="Side of the squares that the last two blocks drop; the first two drop 1."
    )

    @model_validator(mode="after")
    def _widths_fit(self) -> "Resnet12Config":
        if not all(1 <= width <= 4096 for width in self.widths):
            raise ValueError(f"widths are 1 to 4096 filters each, not {list(self.widths)}")
        if self.norm == "group" and any(width % GROUPS for width in self.widths):
            raise ValueError(f"norm 'group' needs widths divisible by {GROUPS}, not {list(self.widths)}")
        return self

    @property
    def smallest_image(self) -> int:
        """The side of the smallest image that is not pooled away."""
        return int(2**self.pools)


class Resnet12(ImageNetwork, MapNetwork):
    """The network as pure functions of its parameters."""

    Config = Resnet12Config
    config: Resnet12Config

    @classmethod
    def shrinking(cls, config: Resnet12Config) -> str:
        """Say what it does to images."""
        return f"halves the image {config.pools} times"

    @classmethod
    def draws(cls, config: Any) -> bool:  # noqa: ANN401 - its own configuration
        """Where it drops any place."""
        return bool(config.keep_rate < 1)

    def prepare(self) -> None:
        """Set its blocks and the shape of its maps; of ``input_shape`` = (channels, height, width)."""
        super().prepare()
        config = self.config
        self.layers = Layers(config.norm, self.inner_steps, self.transformed)
        channels, height, width = self.input_shape
        self.map_shape = (config.widths[-1], height // config.smallest_image, width // config.smallest_image)
        self.feature_count = self.map_shape[0] * (1 if config.average else self.map_shape[1] * self.map_shape[2])
        sides = enumerate(pairwise((channels, *config.widths)))
        self._blocks = [ResidualBlock(f"block{index}", *each) for index, each in sides]

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: weights uniform in ±1/sqrt(fan-in), normalisation at the identity."""
        found: Tensors = {}
        for block in self._blocks:
            found |= block.init(generator, self.layers)
        return found

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to features [n, feature_count]."""
        maps = self.feature_map(parameters, x, at)
        return maps.mean(dim=(2, 3)) if self.config.average else maps.flatten(1)

    def feature_map(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to maps [n, *map_shape].

        Pooling comes before the leaky ReLU: both orders give the same value, this one on a quarter of the places.
        """
        if not self.transformed:  # under vmap an image has no memory of its own
            x = x.to(memory_format=torch.channels_last)
        with multiplying(x, self.bfloat16):
            for index, block in enumerate(self._blocks):
                x = block.sums(x, parameters, at, self.layers)
                x = F.leaky_relu(self.pool(x) if index < self.config.pools else x, SLOPE)
                side = self.config.drop_block if index >= SQUARES_FROM else 1
                x = drop_blocks(x, at, block.name, self.config.keep_rate, side)
        return x
