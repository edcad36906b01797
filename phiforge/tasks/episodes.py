"""Episodes: the tasks that φ is learned from and judged by, in memory and as bytes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
import zstandard
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from phiforge.base.errors import FormatError
from phiforge.spec.limits import MOST_EPISODE_BYTES

MAGIC = b"PHIFORGE-EPISODES-2\n"
_DIGEST_BYTES = 32
_LEVEL = -3
"""Of zstandard: reads and writes faster than level 1, for a third more bytes (a third of what they hold)."""


@dataclass(frozen=True)
class Episode:
    """One task as tensors on a device.

    Images: ``support_x`` [n_way * k_shot, channels, height, width] and ``query_x`` [n_way * n_query, ...] are float in
    [0, 1]; ``support_y`` and ``query_y`` [n] hold labels in [0, n_way); ``classes`` [n_way] says which class of its
    split each label is. Vectors: x is [n, dimensions], as it is. Regression: x and y are float [n, 1], and ``classes``
    is empty.
    """

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor
    classes: Tensor


@dataclass(frozen=True)
class EpisodeBatch:
    """Episodes as they are stored: the slice of a meta-batch that one job takes.

    Images: ``support_x``: uint8 [episodes, n_way * k_shot, channels, height, width], ``query_x`` likewise;
    ``support_y``, ``query_y``: int64 [episodes, examples];
    ``classes``: int64 [episodes, n_way], the position of each label's class in its split;
    ``origin``: int32 [episodes, support + query examples, 2], the dataset image and its turn: the lineage.
    ``truth``: int64 [episodes, n_way * k_shot], which label each support example would have were it right; None where
    all are, and then not in the file.
    Vectors: as images, but x is float32 [episodes, examples, dimensions].
    Regression: x and y are float32 [episodes, examples, 1]; ``classes`` and ``origin`` are empty.
    """

    support_x: NDArray[np.uint8] | NDArray[np.float32]
    support_y: NDArray[np.int64] | NDArray[np.float32]
    query_x: NDArray[np.uint8] | NDArray[np.float32]
    query_y: NDArray[np.int64] | NDArray[np.float32]
    classes: NDArray[np.int64]
    origin: NDArray[np.int32]
    truth: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.support_x)

    def episodes(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Iterator[Episode]:
        """Yield each episode as tensors, images scaled from [0, 255] to [0, 1], other values as they are."""
        for index in range(len(self)):
            yield Episode(
                support_x=_tensor(self.support_x[index], device, dtype),
                support_y=_tensor(self.support_y[index], device, dtype),
                query_x=_tensor(self.query_x[index], device, dtype),
                query_y=_tensor(self.query_y[index], device, dtype),
                classes=_tensor(self.classes[index], device, dtype),
            )

    def to_bytes(self) -> bytes:
        """Return magic, SHA-256 and compressed arrays; equal batches give equal bytes."""
        arrays = {name: np.ascontiguousarray(array) for name, array in _arrays(self).items()}
        payload = zstandard.ZstdCompressor(level=_LEVEL).compress(save(arrays))
        return MAGIC + hashlib.sha256(payload).digest() + payload

    @classmethod
    def from_bytes(cls, data: bytes) -> "EpisodeBatch":
        """Read what ``to_bytes`` wrote; raises FormatError if a single bit differs."""
        if not data.startswith(MAGIC):
            raise FormatError(f"not an episode file: starts with {data[:20]!r}, expected {MAGIC!r}")
        digest, payload = data[len(MAGIC) :][:_DIGEST_BYTES], data[len(MAGIC) + _DIGEST_BYTES :]
        if hashlib.sha256(payload).digest() != digest:
            raise FormatError(f"damaged episode file: the SHA-256 of its {len(payload)} bytes differs from its header")
        try:
            batch = cls(**load(_unpacked(payload)))
        except (zstandard.ZstdError, SafetensorError, TypeError) as error:
            raise FormatError(f"unreadable episode file: {error}") from error
        if problem := _problem(batch):
            raise FormatError(f"unreadable episode file: {problem}")
        return batch


def _arrays(batch: EpisodeBatch) -> dict[str, NDArray[Any]]:
    """Return the arrays that a batch has, by name."""
    every = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: array for name, array in every.items() if array is not None}


def _problem(batch: EpisodeBatch) -> str | None:
    """Say which array is not of one batch with the others, or None."""
    images, labels = batch.support_x.dtype == np.uint8, batch.support_y.dtype == np.int64
    values, targets = np.uint8 if images else np.float32, np.int64 if images or labels else np.float32
    kinds: dict[str, type[np.generic]] = {"support_x": values, "query_x": values, "classes": np.int64}
    kinds |= {"support_y": targets, "query_y": targets, "origin": np.int32}
    dimensions = {"support_x": 5 if images else 3, "support_y": 2 if images or labels else 3}
    dimensions |= {"classes": 2, "origin": 3}
    dimensions |= {"query_x": dimensions["support_x"], "query_y": dimensions["support_y"]}
    if batch.truth is not None:
        kinds, dimensions = kinds | {"truth": np.int64}, dimensions | {"truth": 2}
    for name, kind in kinds.items():
        array = getattr(batch, name)
        if array.dtype != kind or array.ndim != dimensions[name]:
            return f"{name} is {array.dtype} of {array.ndim} dimensions, not {np.dtype(kind)} of {dimensions[name]}"
        if len(array) != len(batch.support_x):
            return f"{name} is of {len(array)} episodes, support_x of {len(batch.support_x)}"
    for x, y in ((batch.support_x, "support_y"), (batch.query_x, "query_y"), (batch.support_x, "truth")):
        if y in kinds and getattr(batch, y).shape[1] != x.shape[1]:
            return f"{y} is of {getattr(batch, y).shape[1]} examples, its x of {x.shape[1]}"
    if batch.query_x.shape[2:] != batch.support_x.shape[2:]:
        return f"query_x is of shape {batch.query_x.shape[2:]}, support_x of {batch.support_x.shape[2:]}"
    return None


def _unpacked(payload: bytes) -> bytes:
    size = zstandard.frame_content_size(payload)
    if not 0 <= size <= MOST_EPISODE_BYTES:
        claims = "does not say how much" if size < 0 else f"claims {size} bytes"
        raise FormatError(f"unreadable episode file: {claims} it unpacks to; allowed are {MOST_EPISODE_BYTES}")
    return zstandard.ZstdDecompressor().decompress(payload)


def digest_of(data: bytes) -> str:
    """Return the digest of an episode file in hexadecimal: the SHA-256 of its payload, which its header holds.

    It names what is in the file only if ``EpisodeBatch.from_bytes`` takes ``data``.
    """
    return data[len(MAGIC) :][:_DIGEST_BYTES].hex()


def _tensor(values: NDArray[Any], device: str, dtype: torch.dtype) -> Tensor:
    tensor = torch.from_numpy(values).to(device)
    if values.dtype == np.uint8:
        return tensor.to(dtype).div_(255)
    return tensor.to(dtype, copy=True) if tensor.is_floating_point() else tensor
