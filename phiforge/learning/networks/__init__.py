"""The networks that F_φ builds, as pure functions of their parameters."""

from typing import Annotated

from pydantic import Field

from phiforge.learning.engines import Engine
from phiforge.learning.networks.bases.network import Network
from phiforge.learning.networks.conv4 import Conv4, Conv4Config
from phiforge.learning.networks.mlp import Mlp, MlpConfig

NetworkConfig = Annotated[Conv4Config | MlpConfig, Field(discriminator="name")]


def build_network(
    config: NetworkConfig,
    input_shape: tuple[int, ...],
    inner_steps: int = 0,
    engine: Engine = "torch",
    bfloat16: bool = False,
) -> Network:
    """Return the network of ``config`` for inputs of ``input_shape``, whose model takes up to ``inner_steps`` steps."""
    if isinstance(config, Conv4Config):
        return Conv4(config, input_shape, inner_steps, engine, bfloat16)
    return Mlp(config, input_shape, bfloat16)


__all__ = ["Conv4Config", "MlpConfig", "Network", "NetworkConfig", "build_network"]
