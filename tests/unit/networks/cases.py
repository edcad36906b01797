"""Random values and parameters, small networks, and a layer of normalisation that is written down in place."""

import torch

from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.normalisation import PLAIN, normalise
from phiforge.learning.networks.conv4 import Conv4, Conv4Config

NORMS = ["batch", "layer", "group", "none"]
SHAPE = (1, 28, 28)


def random_of(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch_generator("values", seed), dtype=torch.float64).to(dtype)


def network_of(norm, shape=SHAPE, channels=8):
    return Conv4(Conv4Config(channels=channels, norm=norm), shape)


def parameters_of(model, dtype=torch.float64):
    """Fresh parameters, with scale and shift moved away from the identity, so that they are seen."""
    parameters = {name: value.to(dtype) for name, value in model.init(torch_generator("fresh")).items()}
    return {
        name: value + 0.3 * random_of(*value.shape, seed=index, dtype=dtype) if name.startswith("norm") else value
        for index, (name, value) in enumerate(parameters.items())
    }


def normalised(kind, x, weight, bias, at=PLAIN, **statistics):
    """``normalise`` by a layer that is written down in place."""
    entries = {"norm.weight": weight, "norm.bias": bias}
    entries |= {f"statistics/norm.{name}": value for name, value in statistics.items()}
    return normalise(kind, x, entries, "norm", at)
