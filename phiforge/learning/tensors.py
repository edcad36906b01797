"""Named tensors: φ, optimiser state and contributions, their bytes and their fingerprint."""

import hashlib
from collections.abc import Mapping

import torch
from safetensors import SafetensorError, TensorSpec, serialize
from safetensors.torch import load
from torch import Tensor

from phiforge.base.errors import FormatError

Tensors = dict[str, Tensor]


def torch_type(name: str) -> torch.dtype:
    """Return torch's type of that name: ``float32`` or ``float64``."""
    return {"float32": torch.float32, "float64": torch.float64}[name]


def encode(tensors: Mapping[str, Tensor]) -> bytes:
    """Return safetensors bytes; equal tensors give equal bytes, whatever the order of the mapping."""
    held = {name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)}
    return bytes(serialize({name: _described(tensor) for name, tensor in held.items()}))


def decode(data: bytes, device: str = "cpu") -> Tensors:
    """Return the tensors of safetensors bytes, in order of name; raises FormatError for anything else.

    The order matters to the bit: where parameters share others, it is the order in which gradients are added up, and
    safetensors gives another in each process. So may the place in memory, hence the copies, which are aligned.
    """
    try:
        return {name: tensor.to(device, copy=True) for name, tensor in sorted(load(data).items())}
    except SafetensorError as error:
        raise FormatError(f"not a whole safetensors file ({len(data)} bytes): {error}") from error


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, types, shapes and bytes in order of name: the hash of φ."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return ``tensors`` with ``prefix/`` before each name."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Return those of ``tensors`` whose name starts with ``prefix/``, named without it."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _described(tensor: Tensor) -> TensorSpec:
    """Say where a tensor lies, which must live for as long: as the library's own ``save``, in a tenth of its time."""
    kind = str(tensor.dtype).removeprefix("torch.")
    return TensorSpec(dtype=kind, shape=tensor.shape, data_ptr=tensor.data_ptr(), data_len=tensor.nbytes)
