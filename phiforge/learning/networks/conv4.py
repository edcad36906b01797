"""Conv-4: the small convolutional network of the few-shot literature."""

from typing import Literal

from phiforge.learning.networks.bases.blocks import BlocksConfig, ConvBlocks


class Conv4Config(BlocksConfig):
    """Four blocks of 3x3 convolution, normalisation, ReLU and 2x2 max-pooling (Vinyals et al. 2016, section 4.1)."""

    name: Literal["conv4"] = "conv4"


class Conv4(ConvBlocks):
    """The network as pure functions of its parameters."""

    Config = Conv4Config
    blocks = 4
