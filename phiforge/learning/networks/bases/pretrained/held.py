"""Weights that this process holds, by the SHA-256 of their file: so the same wherever they came from.

Whoever reads a run offers a way to read its weights; a network asks for them when it first looks at an image.
"""

from collections.abc import Callable

from phiforge.base.canonical import sha256_hex
from phiforge.base.errors import FormatError, IncapableWorkerError
from phiforge.learning.tensors import Tensors, decode

_OFFERED: dict[str, Callable[[], bytes]] = {}
_HELD: dict[str, Tensors] = {}


def offer(digest: str, read: Callable[[], bytes]) -> None:
    """Let ``read`` give the safetensors file of that SHA-256, if a network asks for it."""
    _OFFERED[digest] = read


def held(digest: str) -> Tensors:
    """Return the tensors of the file of that SHA-256, which are read once.

    Raises IncapableWorkerError if nobody offered them, FormatError if what was offered is another file, and what
    reading raises.
    """
    if digest not in _HELD:
        if digest not in _OFFERED:
            raise IncapableWorkerError(
                f"this process was offered no weights {digest[:12] or '(no digest given)'} for network 'pretrained': "
                "submit the run with `phiforge submit`, which publishes them"
            )
        data = _OFFERED[digest]()
        if (found := sha256_hex(data)) != digest:
            raise FormatError(f"the weights {digest[:12]} are damaged: the SHA-256 of the file is {found[:12]}")
        _HELD[digest] = decode(data)
    return _HELD[digest]
