"""Conv-4: the small convolutional network of the few-shot literature."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Generator, Tensor

from phiforge.learning.engines import fused_block, transforms
from phiforge.learning.engines.vmap.convolution import convolve, pool
from phiforge.learning.networks.bases.images import ImageNetwork
from phiforge.learning.networks.bases.network import MapNetwork, multiplying, uniform
from phiforge.learning.networks.bases.normalisation import (
    PLAIN,
    Pass,
    by_example,
    init_norm,
    is_transductive,
    normalise,
    normalises_by_set,
)
from phiforge.learning.networks.bases.prior import is_prior
from phiforge.learning.tensors import Tensors
from phiforge.registry import PartConfig
from phiforge.spec.norms import GROUPS, Norm
from phiforge.spec.task import Engine

BLOCKS = 4


class Conv4Config(PartConfig):
    """Four blocks of 3x3 convolution, normalisation, ReLU and 2x2 max-pooling (Vinyals et al. 2016, section 4.1)."""

    name: Literal["conv4"] = "conv4"
    channels: int = Field(default=64, ge=1, le=1024, description="Filters of each convolution.")
    norm: Norm = Field(
        default="batch",
        description="batch (of the set at hand; transductive), prior (the same, drawn towards statistics in φ; "
        "transductive), running, per_step (of inner loops), layer, group, none.",
    )
    pools: int = Field(default=BLOCKS, ge=1, le=BLOCKS, description="How many of the blocks, from the first, pool.")

    @model_validator(mode="after")
    def _groups_divide(self) -> "Conv4Config":
        if self.norm == "group" and self.channels % GROUPS:
            raise ValueError(f"norm 'group' needs channels divisible by {GROUPS}, not {self.channels}")
        return self

    @property
    def smallest_image(self) -> int:
        """The side of the smallest image that is not pooled away."""
        return int(2**self.pools)


class Conv4(ImageNetwork, MapNetwork):
    """The network as pure functions of its parameters."""

    Config = Conv4Config
    perturbed = True
    config: Conv4Config

    @classmethod
    def shrinking(cls, config: Conv4Config) -> str:
        """Say what it does to images."""
        return f"halves the image {config.pools} times"

    @classmethod
    def has_fused_blocks(cls, config: Conv4Config) -> bool:
        """Where blocks normalise by the set at hand, or each example by itself, which is always in meta-training."""
        return normalises_by_set(config.norm, PLAIN) or by_example(config.norm)

    def __init__(
        self,
        config: Conv4Config,
        input_shape: tuple[int, ...],
        inner_steps: int = 0,
        engine: Engine = "torch",
        bfloat16: bool = False,
    ) -> None:
        """Prepare for images of ``input_shape`` = (channels, height, width), each side ``smallest_image`` or more."""
        super().__init__(config, input_shape, inner_steps, engine, bfloat16)
        self.fused = fused_block() if engine == "fused" else None
        self.transformed = transforms(engine)
        self.convolve = convolve if self.transformed else partial(F.conv2d, padding=1)
        self.pool = pool if self.transformed else partial(F.max_pool2d, kernel_size=2)
        self.image_channels, height, width = input_shape
        self.map_shape = (config.channels, height // config.smallest_image, width // config.smallest_image)
        self.feature_count = self.map_shape[0] * self.map_shape[1] * self.map_shape[2]
        self.norm = config.norm
        self.transductive = is_transductive(config.norm)

    def adapts(self, name: str) -> bool:
        """Say whether an inner loop may change a parameter: a step's own normalisation is not for a task."""
        of_a_step = self.norm == "per_step" and name.startswith("norm")
        return super().adapts(name) and not of_a_step and not is_prior(name)

    def perturbed_layers(self) -> tuple[str, ...]:
        """Return the convolutions."""
        return tuple(f"conv{block}" for block in range(BLOCKS))

    def init(self, generator: Generator) -> Tensors:
        """Return fresh parameters: weights and biases uniform in ±1/sqrt(fan-in), normalisation at identity.

        The bias of a convolution is left out under batch normalisation, which subtracts it again.
        """
        parameters: Tensors = {}
        inputs = self.image_channels
        for block in range(BLOCKS):
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
        with multiplying(x, self.bfloat16):
            for block in range(BLOCKS):
                if self.fused and self._fuses(block, at):
                    x = self.fused(self.config.norm, x, parameters, block, at)
                else:
                    x = self._plain_block(x, parameters, block, at)
        return x

    def _fuses(self, block: int, at: Pass) -> bool:
        """Say whether engine ``fused`` has a part in a block of a pass."""
        known = normalises_by_set(self.norm, at) or by_example(self.norm)
        return block < self.config.pools and known and at.perturb is None

    def _plain_block(self, x: Tensor, parameters: Mapping[str, Tensor], block: int, at: Pass) -> Tensor:
        name, again = f"conv{block}", partial(self.convolve, x)
        x = again(parameters[f"{name}.weight"], parameters.get(f"{name}.bias"))
        x = at.perturbed(name, x, again)
        x = normalise(self.config.norm, x, parameters, f"norm{block}", at, explicit=self.transformed)
        return F.relu(self.pool(x) if block < self.config.pools else x)

    def _init_block(self, block: int, inputs: int, generator: Generator) -> Tensors:
        channels, norm = self.config.channels, self.config.norm
        fan_in = inputs * 9
        parameters = {f"conv{block}.weight": uniform((channels, inputs, 3, 3), fan_in, generator)}
        if norm not in ("batch", "running", "per_step"):
            parameters[f"conv{block}.bias"] = uniform((channels,), fan_in, generator)
        return parameters | init_norm(norm, f"norm{block}", channels, self.inner_steps)
