"""Conv-6: two more blocks behind those of Conv-4, which do not pool."""

from typing import Literal

from pydantic import Field

from phiforge.learning.networks.bases.blocks import BlocksConfig, ConvBlocks


class Conv6Config(BlocksConfig):
    """Six blocks of 3x3 convolution, normalisation and ReLU, of which four pool (Chen et al. 2019, "Conv-6")."""

    name: Literal["conv6"] = "conv6"
    pools: int = Field(default=4, ge=1, le=6, description="How many of the blocks, from the first, pool.")


class Conv6(ConvBlocks):
    """The network as pure functions of its parameters."""

    Config = Conv6Config
    blocks = 6
