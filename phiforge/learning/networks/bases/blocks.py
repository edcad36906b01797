"""Blocks of convolution, normalisation, ReLU and pooling, one after another: what Conv-4 and Conv-6 are."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Generator, Tensor

from phiforge.learning.engines import fused_block
from phiforge.learning.networks.bases.images import ImageNetwork
from phiforge.learning.networks.bases.network import MapNetwork, multiplying, uniform
from phiforge.learning.networks.bases.normalisation import (
    PLAIN,
    Pass,
    by_example,
    init_norm,
    normalise,
    normalises_by_set,
)
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.registry.section import Since
from phiforge.spec.norms import GROUPS, Norm


class BlocksConfig(PartConfig):
    """What networks of blocks are configured by; each has its own number of them."""

    channels: int = Field(default=64, ge=1, le=1024, description="Filters of each convolution.")
    norm: Norm = Field(
        default="batch",
        description="batch (of the set at hand; transductive), prior (the same, drawn towards statistics in φ; "
        "transductive), running, per_step (of inner loops), layer, group, none.",
    )
    pools: int = Field(default=4, ge=1, le=4, description="How many of the blocks, from the first, halve the map.")
    shrink: Annotated[Literal["pool", "stride"], Since(2, absent="pool")] = Field(
        default="pool",
        description="How they do so: by 2x2 max-pooling, or by convolutions of stride 2, a quarter of the operations.",
    )

    @model_validator(mode="after")
    def _groups_divide(self) -> "BlocksConfig":
        if self.norm == "group" and self.channels % GROUPS:
            raise ValueError(f"norm 'group' needs channels divisible by {GROUPS}, not {self.channels}")
        return self

    @property
    def smallest_image(self) -> int:
        """The side of the smallest image that is not pooled away; strides leave a place of any."""
        return int(2**self.pools) if self.shrink == "pool" else 1

    def left(self, side: int) -> int:
        """Return the side of the map that is left of a side."""
        halved: int = 2**self.pools
        return side // halved if self.shrink == "pool" else -(-side // halved)


class ConvBlocks(ImageNetwork, MapNetwork):
    """The network as pure functions of its parameters."""

    perturbed = True
    blocks: ClassVar[int]
    """How many there are."""
    config: BlocksConfig

    @classmethod
    def shrinking(cls, config: BlocksConfig) -> str:
        """Say what it does to images."""
        return f"halves the image {config.pools} times"

    @classmethod
    def has_fused_blocks(cls, config: BlocksConfig) -> bool:
        """Where blocks normalise by the set at hand, or each example by itself, which is always in meta-training."""
        return normalises_by_set(config.norm, PLAIN) or by_example(config.norm)

    def prepare(self) -> None:
        """Set the shape of its maps; of ``input_shape`` = (channels, height, width)."""
        super().prepare()
        self.fused = partial(fused_block(), bfloat16=self.bfloat16) if self.engine == "fused" else None
        self.image_channels, height, width = self.input_shape
        self.map_shape = (self.config.channels, self.config.left(height), self.config.left(width))
        self.feature_count = self.map_shape[0] * self.map_shape[1] * self.map_shape[2]

    def perturbed_layers(self) -> tuple[str, ...]:
        """Return the convolutions."""
        return tuple(f"conv{block}" for block in range(self.blocks))

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: weights and biases uniform in ±1/sqrt(fan-in), normalisation at identity.

        The bias of a convolution is left out under batch normalisation, which subtracts it again.
        """
        parameters: Tensors = {}
        inputs = self.image_channels
        for block in range(self.blocks):
            parameters |= self._init_block(block, inputs, generator)
            inputs = self.config.channels
        return parameters

    def features(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to features [n, feature_count]."""
        return self.feature_map(parameters, x, at).flatten(1)

    def feature_map(self, parameters: Mapping[str, Tensor], x: Tensor, at: Pass = PLAIN) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to maps [n, *map_shape].

        Pooling comes before ReLU: both orders give the same value (ReLU is monotone), this one on a quarter of the
        elements. Channels-last memory makes the convolutions and their second derivatives faster on CPUs.
        """
        if not self.transformed:  # under vmap an image has no memory of its own
            x = x.to(memory_format=torch.channels_last)
        for block in range(self.blocks):
            if self.fused and self._fuses(block, at):
                x = self.fused(self.config.norm, x, parameters, block, at, *self._halving(block))
            else:
                x = self._plain_block(x, parameters, block, at)
        return x

    def _fuses(self, block: int, at: Pass) -> bool:
        """Say whether the fused engine has a kernel for a block; blocks that do not halve have been torch's."""
        if at.perturb is not None:
            return False
        if block < self.config.pools and self.config.shrink == "pool":
            return normalises_by_set(self.norm, at) or by_example(self.norm)
        return normalises_by_set(self.norm, at) and self.config.shrink == "stride"

    def _halving(self, block: int) -> tuple[int, int]:
        """Return the side of a block's windows of pooling, and the stride of its convolution."""
        halves = block < self.config.pools
        return (2, 1) if halves and self.config.shrink == "pool" else (1, 1 + halves)

    def _plain_block(self, x: Tensor, parameters: Mapping[str, Tensor], block: int, at: Pass) -> Tensor:
        name, (side, stride) = f"conv{block}", self._halving(block)
        again = partial(self.convolve, x, stride=stride)
        with multiplying(x, self.bfloat16):
            x = at.perturbed(name, again(parameters[f"{name}.weight"], parameters.get(f"{name}.bias")), again)
            x = normalise(self.config.norm, x, parameters, f"norm{block}", at, explicit=self.transformed)
            return F.relu(x if side == 1 else self.pool(x))

    def _init_block(self, block: int, inputs: int, generator: Generator) -> Tensors:
        channels, norm = self.config.channels, self.config.norm
        fan_in = inputs * 9
        parameters = {f"conv{block}.weight": uniform((channels, inputs, 3, 3), fan_in, generator)}
        if norm not in ("batch", "running", "per_step"):
            parameters[f"conv{block}.bias"] = uniform((channels,), fan_in, generator)
        return parameters | init_norm(norm, f"norm{block}", channels, self.inner_steps)
