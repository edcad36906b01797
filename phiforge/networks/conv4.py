"""Conv-4: the small convolutional network of the few-shot literature."""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Generator, Tensor

from phiforge.networks.normalisation import GROUPS, Norm, is_transductive, normalise
from phiforge.spec.part import Part
from phiforge.tensors import Tensors

BLOCKS = 4
SMALLEST_IMAGE = 2**BLOCKS


class Conv4Config(Part):
    """Four blocks of 3x3 convolution, normalisation, ReLU and 2x2 max-pooling (Vinyals et al. 2016, section 4.1)."""

    name: Literal["conv4"] = "conv4"
    channels: int = Field(default=64, ge=1, le=1024, description="Filters of each convolution.")
    norm: Norm = Field(default="batch", description="batch (of the set at hand; transductive), layer, group or none.")

    @model_validator(mode="after")
    def _groups_divide(self) -> "Conv4Config":
        if self.norm == "group" and self.channels % GROUPS:
            raise ValueError(f"norm 'group' needs channels divisible by {GROUPS}, not {self.channels}")
        return self


class Conv4:
    """The network as pure functions of its parameters."""

    def __init__(self, config: Conv4Config, image_shape: tuple[int, int, int]) -> None:
        """Prepare for images of ``image_shape`` = (channels, height, width), each side at least 16."""
        self.config = config
        self.image_channels, height, width = image_shape
        self.feature_count = config.channels * (height // SMALLEST_IMAGE) * (width // SMALLEST_IMAGE)
        self.transductive = is_transductive(config.norm)

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

    def features(self, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Map images ``x`` [n, channels, height, width] to features [n, feature_count].

        Pooling comes before ReLU: both orders give the same value (ReLU is monotone), this one on a quarter of the
        elements. Channels-last memory makes the convolutions and their second derivatives faster on CPUs.
        """
        x = x.to(memory_format=torch.channels_last)
        for block in range(BLOCKS):
            name = f"conv{block}"
            x = F.conv2d(x, parameters[f"{name}.weight"], parameters.get(f"{name}.bias"), padding=1)
            x = normalise(self.config.norm, x, parameters[f"norm{block}.weight"], parameters[f"norm{block}.bias"])
            x = F.relu(F.max_pool2d(x, 2))
        return x.flatten(1)

    def _init_block(self, block: int, inputs: int, generator: Generator) -> Tensors:
        channels = self.config.channels
        fan_in = inputs * 9
        parameters = {f"conv{block}.weight": uniform((channels, inputs, 3, 3), fan_in, generator)}
        if self.config.norm != "batch":
            parameters[f"conv{block}.bias"] = uniform((channels,), fan_in, generator)
        parameters[f"norm{block}.weight"] = torch.ones(channels)
        parameters[f"norm{block}.bias"] = torch.zeros(channels)
        return parameters


def uniform(shape: tuple[int, ...], fan_in: int, generator: Generator) -> Tensor:
    """Draw from ±1/sqrt(fan_in), torch's own default for linear and convolutional layers."""
    bound = fan_in**-0.5
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
