"""Weights of EfficientNet-Lite0 that nobody trained: for proofs and tests, which hold for any file."""

from functools import cache

import torch

from phiforge.base.canonical import sha256_hex
from phiforge.learning.generators import torch_generator
from phiforge.learning.networks.bases.pretrained.efficientnet import shapes
from phiforge.learning.networks.bases.pretrained.held import offer
from phiforge.learning.tensors import encode


@cache
def made_up(seed: int = 0) -> bytes:
    """Return a safetensors file of random weights whose features are neither all alike nor out of bounds."""
    generator, found = torch_generator("made up", seed), {}
    for name, shape in shapes().items():
        drawn = torch.rand(shape, generator=generator)
        if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            found[name] = 0.5 + drawn
        else:
            found[name] = (drawn - 0.5) * (12 / max(1, drawn[0].numel())) ** 0.5
    return encode(found)


def offered(seed: int = 0) -> str:
    """Let this process use made-up weights, and return their digest."""
    data = made_up(seed)
    offer(sha256_hex(data), lambda: data)
    return sha256_hex(data)
