"""The networks that F_φ builds, as pure functions of their parameters: one a file."""

from typing import Annotated

from phiforge.learning.networks.bases.network import Network
from phiforge.registry import NETWORKS, PartConfig, PartOf
from phiforge.spec.task import Engine

NetworkConfig = Annotated[PartConfig, PartOf(NETWORKS)]
"""A field of a learner's configuration that takes any network."""


def build_network(
    config: PartConfig,
    input_shape: tuple[int, ...],
    inner_steps: int = 0,
    engine: Engine = "torch",
    bfloat16: bool = False,
) -> Network:
    """Return the network that ``config`` describes.

    Args:
        config: the configuration of any network of the registry.
        input_shape: the shape of one input, (channels, height, width) of images.
        inner_steps: how many steps of an inner loop its parameters take at most, for what has parameters of each step.
        engine: what computes it.
        bfloat16: whether it multiplies in that type.
    """
    return NETWORKS.built_on(Network, config.name)(config, input_shape, inner_steps, engine, bfloat16)


__all__ = ["NETWORKS", "Network", "NetworkConfig", "build_network"]
