"""Features of images that a process has seen, by the bytes of the image: each is computed once.

An image is computed by itself, never in a batch, so that its features are the same to the bit whichever images came
with it, and whether they were remembered or not.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

MOST_BYTES = 256 * 2**20
"""Of all features that are remembered; what was used last longest ago goes first."""


class Remembered:
    """Features by what decides them.

    Args:
        most: bytes that are kept at most.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most, self._bytes = most, 0
        self._rows: OrderedDict[Hashable, Tensor] = OrderedDict()

    def features(self, by: Hashable, x: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Return features [n, ...] of images ``x`` [n, ...]; ``compute`` maps one image [1, ...] to [1, ...].

        ``by`` names all that decides the features beside the image, its type and its device.
        """
        with torch.no_grad():
            return torch.stack([self._row((by, _name(each)), each, compute) for each in x.detach()])

    def _row(self, key: Hashable, image: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        if key not in self._rows:
            self._keep(key, compute(image[None])[0])
        self._rows.move_to_end(key)
        return self._rows[key]

    def _keep(self, key: Hashable, row: Tensor) -> None:
        while self._rows and self._bytes + row.nbytes > self._most:
            self._bytes -= self._rows.popitem(last=False)[1].nbytes
        self._rows[key] = row
        self._bytes += row.nbytes


def _name(image: Tensor) -> Hashable:
    data = image.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    return hashlib.blake2b(data, digest_size=16).digest(), image.dtype, image.shape, str(image.device)
